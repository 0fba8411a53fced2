"""Where environments of jobs are from the request until the engine has the job."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from support.compute import make_harness
from support.job_context import make_context

from pfcon.errors import Refused
from pfcon.jobs.context import JobContext, request_id
from pfcon.jobs.recovery import Recovery
from pfcon.jobs.removal import Remover
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import JobKind, JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.reasons import Why
from pfcon.records import Claimed, Phase, Record
from pfcon.testing.compute.harness import Harness

SECRET = "4c1d-a-user-s-token"
SCRIPT = 'printf %s "$SECRET" >"$1/secret"'


@pytest.fixture
def compute(storebase: StoreBase) -> Harness:
    return make_harness("process", storebase.root)


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path, compute: Harness) -> JobContext:
    return make_context(storebase, tmp_path, compute.engine)


def recovery_of(context: JobContext) -> Recovery:
    remover = Remover(context)
    scheduler = Scheduler(context, remover)
    return Recovery(context, scheduler, remover)


def files(storebase: StoreBase) -> list[Path]:
    return list((storebase.private / "environments").iterdir())


def waiting(context: JobContext, spec: JobSpec, *, recorded: bool = False) -> Record:
    """A job whose owner died before the engine had it. recorded: by an earlier release, with its environment."""
    found = context.journal.claim(spec.jid, JobKind.PLUGIN, "digest")
    assert isinstance(found, Claimed)
    spec = replace(spec, request=request_id("digest", found.record.claim), env=(("SECRET", SECRET),))
    spec = spec if recorded else context.environments.keep(spec, found.record.claim)
    assert context.journal.move(found.record, Phase.SCHEDULING, spec=spec.to_json())
    record = context.journal.get(spec.jid, JobKind.PLUGIN)
    assert record
    return record


@pytest.mark.parametrize("recorded", [False, True])
def test_a_job_whose_service_died_gets_its_environment(
    context: JobContext, compute: Harness, storebase: StoreBase, tmp_path: Path, recorded: bool
) -> None:
    spec = compute.shell(SCRIPT)
    waiting(context, spec, recorded=recorded)
    recovery_of(context).recover_all()
    assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
    assert (compute.outgoing(spec) / "secret").read_text() == SECRET
    if not recorded:
        assert files(storebase) == []
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    compute.close()


def test_what_an_earlier_release_has_recorded_is_gone_from_the_log_of_changes_after_the_next_start(
    context: JobContext, compute: Harness, storebase: StoreBase, tmp_path: Path
) -> None:
    spec = compute.shell(SCRIPT)
    record = waiting(context, spec, recorded=True)
    assert Scheduler(context, Remover(context)).fail(record, Why("ended"))
    context.journal._database.dispose()
    assert make_context(storebase, tmp_path, compute.engine).journal.get(spec.jid, JobKind.PLUGIN)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_the_file_is_its_owner_s_alone(context: JobContext, compute: Harness, storebase: StoreBase) -> None:
    waiting(context, compute.shell(SCRIPT))
    (file,) = files(storebase)
    assert [stat.S_IMODE(os.stat(path).st_mode) for path in (file, file.parent)] == [0o600, 0o700]


def test_a_job_whose_environment_was_lost_fails_and_says_so(
    context: JobContext, compute: Harness, storebase: StoreBase
) -> None:
    spec = compute.shell(SCRIPT)
    record = waiting(context, spec)
    files(storebase)[0].unlink()
    recovery_of(context).recover_all()
    ended = context.journal.get(spec.jid, JobKind.PLUGIN)
    assert ended
    assert (ended.status, "environment" in ended.message) == (JobStatus.FAILED, True)
    with pytest.raises(Refused, match="environment"):
        context.environments.complete(record.spec or spec)


def test_what_no_job_waits_for_is_swept(context: JobContext, compute: Harness, storebase: StoreBase) -> None:
    waiting(context, compute.shell(SCRIPT))
    (kept,) = files(storebase)
    kept.with_name(f"{kept.name.partition('+')[0]}+other").write_text("[]")
    kept.with_name("unknown+other").write_text("[]")
    context.environments.delete_unused(context.journal)
    assert files(storebase) == [kept]
