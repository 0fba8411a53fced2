"""Which jobs on an engine a service answers for: those of its records, and those that it has signed."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from support.job_context import make_context

from pfcon.errors import Absent, Foreign
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext, request_id
from pfcon.models import JobId, JobKind, JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.records import Claimed, Phase
from pfcon.testing.compute.harness import Harness


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path, compute: Harness) -> JobContext:
    return make_context(storebase, tmp_path, compute.engine)


def runs(compute: Harness, name: str) -> bool:
    return compute.engine.info(name).status is JobStatus.STARTED


def recorded(context: JobContext, compute: Harness, spec: JobSpec, *, signed: bool) -> JobSpec:
    """A job that runs and has a record; without a signature, as earlier releases left it."""
    found = context.journal.claim(spec.jid, spec.kind, "digest")
    assert isinstance(found, Claimed)
    request = request_id("digest", found.record.claim)
    spec = replace(spec, request=context.signer.sign(spec.name, request) if signed else request)
    compute.engine.schedule(spec)
    assert context.journal.move(found.record, Phase.SCHEDULED, spec=spec.to_json(), status="started")
    return spec


def test_a_job_under_the_name_of_an_earlier_release_is_found_and_removed(context: JobContext, compute: Harness) -> None:
    spec = compute.shell("sleep 600")
    jid = JobId(f"{spec.jid}-copy")
    spec = recorded(context, compute, replace(spec, jid=jid, name=str(jid)), signed=False)
    assert spec.name != JobKind.PLUGIN.engine_name(jid)
    compute.names.append(spec.name)
    service = JobService(context)
    assert service.status(jid, JobKind.PLUGIN)[0].status is JobStatus.STARTED
    service.remove(jid, JobKind.PLUGIN, with_data=True)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


@pytest.mark.parametrize("kind", [JobKind.COPY, JobKind.UPLOAD, JobKind.DELETE])
def test_a_plugin_whose_name_is_that_of_another_job_s_operation_is_not_touched(
    context: JobContext, compute: Harness, kind: JobKind
) -> None:
    spec = compute.shell("sleep 600")
    jid = JobId(f"{spec.jid}-{kind}")
    spec = recorded(context, compute, replace(spec, jid=jid, name=str(jid)), signed=False)  # the name that both had
    compute.names.append(spec.name)
    service = JobService(context)
    for ask in (lambda: service.status(JobId(jid[: -len(kind) - 1]), kind), lambda: remove(service, jid, kind)):
        with pytest.raises(Absent) as gone:
            ask()
        assert gone.value.status == 404  # it is no other service's
    assert runs(compute, spec.name)


def remove(service: JobService, jid: str, kind: JobKind) -> None:
    """Of the jid before the kind."""
    service.remove(JobId(jid[: -len(kind) - 1]), kind, with_data=False)


@pytest.mark.parametrize("request_kept", ["", "digest.claim", f"{'a' * 64}.{'b' * 32}.{'c' * 40}"])
def test_what_no_record_speaks_of_and_nobody_has_signed_is_not_answered_for(
    context: JobContext, compute: Harness, request_kept: str
) -> None:
    spec = compute.shell("sleep 600", request=request_kept)
    compute.engine.schedule(spec)
    data = context.storebase.job(spec.jid)
    data.make()
    service = JobService(context)
    with pytest.raises(Foreign, match="another pfcon service has a job"):
        service.status(spec.jid, JobKind.PLUGIN)
    with pytest.raises(Foreign, match="another pfcon service has a job"):
        service.remove(spec.jid, JobKind.PLUGIN, with_data=True)
    assert data.exists()
    assert runs(compute, spec.name)


def test_a_job_that_was_this_one_s_is_gone_whoever_has_its_name_now(context: JobContext, compute: Harness) -> None:
    spec = recorded(context, compute, compute.shell("sleep 600"), signed=True)
    service = JobService(context)
    service.remove(spec.jid, JobKind.PLUGIN, with_data=False)
    compute.engine.schedule(replace(spec, request="another.one"))
    for ask in (service.status, partial(service.remove, with_data=True)):
        with pytest.raises(Absent) as gone:
            ask(spec.jid, JobKind.PLUGIN)
        assert gone.value.status == 404
    assert runs(compute, spec.name)


def test_a_job_whose_record_is_lost_is_known_by_its_signature(context: JobContext, compute: Harness) -> None:
    spec = compute.shell("sleep 600")
    spec = replace(spec, request=context.signer.sign(spec.name, "digest.claim"))
    compute.engine.schedule(spec)
    service = JobService(context)
    assert service.status(spec.jid, JobKind.PLUGIN)[0].status is JobStatus.STARTED
    service.remove(spec.jid, JobKind.PLUGIN, with_data=False)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_a_signed_label_that_was_copied_to_another_name_is_not_answered_for(
    context: JobContext, compute: Harness
) -> None:
    spec, other = compute.shell("sleep 600"), compute.shell("true")
    spec = replace(spec, request=context.signer.sign(other.name, "digest.claim"))
    compute.engine.schedule(spec)
    with pytest.raises(Foreign):
        JobService(context).status(spec.jid, JobKind.PLUGIN)
    assert runs(compute, spec.name)
