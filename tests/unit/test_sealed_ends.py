"""Whatever ends a plugin job, what it must not leave among its outputs goes; and what stays is told."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from support.compute import make_harness
from support.job_context import make_context

from pfcon.files.privileges import PrivilegesLeftError
from pfcon.files.removal import NotRemovedError
from pfcon.files.unreadable import OutputSurvey, is_unreadable_note
from pfcon.jobs.context import JobContext, request_id
from pfcon.jobs.removal import Remover
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import OUTGOING, JobInfo, JobKind, JobSpec, JobStatus, Mount
from pfcon.paths import JobDir, StoreBase
from pfcon.records import Claimed, Phase, Record
from pfcon.storage.filesystem import FilesystemStorage
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

LEAVE = 'cd "$1"; : >su; chmod 4755 su; : >a.chrislink; : >ready; sleep 600'
OUTPUT = PurePosixPath("home/eve/feed_1")


@pytest.fixture
def compute(storebase: StoreBase) -> Harness:
    return make_harness("process", storebase.root)


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path, compute: Harness) -> JobContext:
    return make_context(storebase, tmp_path, compute.engine, "filesystem")


def running(context: JobContext, compute: Harness) -> tuple[Record, JobSpec, Path]:
    """A job that writes to users' data, and goes on."""
    place = compute.storebase.root / OUTPUT
    place.mkdir(parents=True)
    spec = compute.shell(LEAVE, mounts=(Mount(OUTPUT, OUTGOING, read_only=False),))
    found = context.journal.claim(spec.jid, JobKind.PLUGIN, "digest")
    assert isinstance(found, Claimed)
    spec = replace(spec, request=request_id("digest", found.record.claim))
    assert context.journal.move(found.record, Phase.SCHEDULING, spec=spec.to_json())
    Scheduler(context, Remover(context)).schedule(found.record, spec)
    assert eventually((place / "ready").exists)
    record = context.journal.get(spec.jid, JobKind.PLUGIN)
    assert record
    return record, spec, place


@pytest.mark.parametrize("end", ["removed", "cancelled"])
def test_a_job_that_somebody_ends_leaves_no_privileges_and_no_links(
    context: JobContext, compute: Harness, end: str
) -> None:
    record, spec, place = running(context, compute)
    if end == "removed":
        assert Remover(context).remove(record, with_data=True)
    else:
        compute.engine.cancel(spec.name)
        compute.wait(spec.name)
        Scheduler(context, Remover(context)).states.refresh(record)
    assert (place / "su").stat().st_mode & 0o7777 == 0o755
    assert not (place / "a.chrislink").exists()
    compute.close()


class Stubborn(FilesystemStorage):
    """One whose outputs can't be changed."""

    fault: Exception

    def seal_outputs(self, job: JobDir, output_dir: PurePosixPath | None, survey: OutputSurvey | None = None) -> None:
        assert survey is not None
        survey.unreadable.add("secret")
        raise self.fault


@pytest.mark.parametrize(
    "fault", [PrivilegesLeftError(1, ["'su': no"]), NotRemovedError(0, 1, ["su: no"]), OSError("su: no")]
)
def test_what_stays_is_a_note_of_the_job(context: JobContext, compute: Harness, fault: Exception) -> None:
    record, spec, _ = running(context, compute)
    storage = Stubborn(compute.storebase)
    storage.fault = fault
    context = replace(context, storage=storage)
    info = JobInfo(spec.name, JobStatus.SUCCEEDED)
    end = context.kinds[record.kind].conclude(context, replace(record, notes=("an earlier one",)), spec, info)
    unreadable, earlier, told = str(end.values["notes"]).splitlines()
    assert (earlier, end.info) == ("an earlier one", info)
    assert is_unreadable_note(unreadable)
    assert unreadable.endswith(": 'secret'")
    assert "su" in told
    assert "files_out" not in end.values  # they are not known: not all was seen
    compute.close()
