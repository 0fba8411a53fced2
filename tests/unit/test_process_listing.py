"""The lists of all jobs of the process engine, which are read from the jobs' directories."""

import json
import os
from pathlib import Path

import pytest
from support.compute import jobs_directory

from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Unreachable
from pfcon.models import JobStatus
from pfcon.paths import StoreBase
from pfcon.testing.compute import Harness
from pfcon.testing.compute.listing import WAITS
from pfcon.testing.waiting import eventually


def times(directory: Path) -> dict[str, int]:
    """When each file of a directory, and itself, was last changed."""
    return {str(path): path.lstat().st_ctime_ns for path in (directory, *directory.rglob("*"))}


def test_lists_change_nothing(compute: Harness) -> None:
    spec = compute.shell("sleep 300")
    compute.engine.schedule(spec)
    compute.run(compute.shell("exit 0"))
    before = times(jobs_directory(compute))
    assert list(compute.engine.active_jobs() or ()) == [spec.name]
    assert len(compute.engine.jobs() or ()) == 2
    assert times(jobs_directory(compute)) == before


def test_before_the_first_job_the_lists_are_empty_and_nothing_is_created(storebase: StoreBase) -> None:
    engine = ProcessEngine(storebase)
    assert (engine.active_jobs(), engine.jobs()) == ({}, {})
    assert not storebase.private.exists()


def test_without_storebase_nothing_is_known_of_any_job(tmp_path: Path) -> None:
    engine = ProcessEngine(StoreBase(tmp_path / "unmounted"))
    for read in (engine.active_jobs, engine.jobs):
        with pytest.raises(Unreachable):
            read()


def test_the_state_of_an_ended_job_is_read_once(compute: Harness) -> None:
    spec = compute.shell("exit 0")
    compute.run(spec)
    assert not compute.engine.active_jobs()
    state = jobs_directory(compute) / spec.name / "state.json"
    found = state.stat()
    state.write_text("{}")  # with the same inode and time, it is not read again
    os.utime(state, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert not compute.engine.active_jobs()
    os.utime(state)
    assert list(compute.engine.active_jobs() or ()) == [spec.name]


def test_a_damaged_job_and_other_files_do_not_affect_the_list_of_others(compute: Harness) -> None:
    good, damaged = (compute.shell(WAITS, request=request) for request in ("good", "damaged"))
    for spec in (good, damaged):
        compute.engine.schedule(spec)
    directory = jobs_directory(compute)
    (directory / damaged.name / "spec.json").write_text("{")
    (directory / "a-file").touch()
    (directory / "empty").mkdir()
    (directory / ".tmp-of-a-crash").mkdir()
    assert compute.engine.jobs() == {good.name: "good"}
    assert set(compute.engine.active_jobs() or ()) == {good.name, damaged.name}
    (directory / damaged.name / "state.json").unlink()
    assert set(compute.engine.active_jobs() or ()) == {good.name}
    assert compute.engine.info(good.name).status is JobStatus.STARTED
    (compute.outgoing(damaged) / "go").touch()  # it can't be removed, and its supervisor needs the directory
    assert eventually((directory / damaged.name / "state.json").exists)


@pytest.mark.parametrize("reason", [None, 3, ["x"]])
def test_a_state_whose_reason_is_no_text_counts_as_lost(compute: Harness, reason: object) -> None:
    spec = compute.shell("exit 3")
    compute.run(spec)
    path = jobs_directory(compute) / spec.name / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "reason": reason}))
    # Once its supervisor has ended, which is a moment after it has written the state.
    assert eventually(lambda: compute.engine.info(spec.name).status is JobStatus.FAILED)
    assert "the program of pfcon that runs the job was killed" in compute.engine.info(spec.name).message


def test_a_job_that_replaces_its_own_files_does_not_affect_the_list_of_others(compute: Harness) -> None:
    hostile, other = compute.shell("sleep 300"), compute.shell("sleep 300")
    for spec in (hostile, other):
        compute.engine.schedule(spec)
    lock = jobs_directory(compute) / hostile.name / "lock"
    kept = lock.rename(lock.with_name("kept"))
    lock.symlink_to(lock)
    try:
        assert list(compute.engine.active_jobs() or ()) == [other.name]
    finally:
        kept.rename(lock)
