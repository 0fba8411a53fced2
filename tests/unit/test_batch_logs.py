"""Whole logs on batch systems: of one worker in the job's directory, of several in theirs."""

import os
from dataclasses import replace

import pytest
from support.settings import compute_settings

from pfcon.compute.base import ComputeEngine
from pfcon.compute.htcondor.engine import HTCondorEngine
from pfcon.compute.htcondor.folder import HTCondorFolder, WorkerFolder
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.kept_log import read_at
from pfcon.compute.slurm.folder import JobFolder
from pfcon.errors import Absent
from pfcon.models import JobId, JobKind, JobSpec, Resources
from pfcon.paths import StoreBase

SPEC = JobSpec("7", JobId("7"), JobKind.PLUGIN, "local/pl-test:1", ("prog",), request="aa")


@pytest.fixture
def engine(storebase: StoreBase) -> HTCondorEngine:
    return HTCondorEngine(compute_settings(timelimit=1), HTCondorSettings(), storebase)


def folder(storebase: StoreBase, spec: JobSpec) -> JobFolder:
    """A job's directory, as the engine leaves it for the node."""
    made = HTCondorFolder.prepare(storebase.private_dir("htcondor"), spec)
    made.write_all({"spec.json": spec.to_json()})
    made.claim()
    return made


def test_the_log_of_one_worker_is_read_in_place(storebase: StoreBase, engine: ComputeEngine) -> None:
    (folder(storebase, SPEC).path / "log").write_bytes(b"a\xff\nb")
    directory = engine.open_log("7", "aa".__eq__)
    assert directory is not None
    assert read_at(directory, 1, 100).data == b"\xff\nb"
    os.close(directory)
    for name, mine in (("7", "bb".__eq__), ("8", "aa".__eq__)):
        with pytest.raises(Absent):
            engine.open_log(name, mine)


def test_lines_of_several_workers_have_their_numbers_and_come_once(storebase: StoreBase, engine: ComputeEngine) -> None:
    job = folder(storebase, replace(SPEC, resources=Resources(workers=2)))
    logs = [WorkerFolder.make(job, number).path / "log" for number in range(2)]
    assert engine.open_log("7") is None
    logs[0].write_bytes(b"one\nhalf")
    found = list(engine.log_after("7", "", ended=False))
    assert [chunk.data for chunk in found] == [b"worker 1: one\n"]
    logs[0].write_bytes(b"one\nhalf and half\nlast")
    logs[1].write_bytes(b"two\n")
    cursor = found[-1].cursor
    found = list(engine.log_after("7", cursor, ended=True))
    assert b"".join(chunk.data for chunk in found) == b"worker 1: half and half\nworker 1: last\nworker 2: two\n"
    assert not list(engine.log_after("7", found[-1].cursor, ended=True))


def test_reading_many_logs_leaves_no_open_file(storebase: StoreBase, engine: ComputeEngine) -> None:
    job = folder(storebase, replace(SPEC, resources=Resources(workers=50)))
    for number in range(50):
        (WorkerFolder.make(job, number).path / "log").write_bytes(b"x\n")
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(3):
        assert len(list(engine.log_after("7", "", ended=True))) == 50
    assert set(os.listdir("/proc/self/fd")) <= before
