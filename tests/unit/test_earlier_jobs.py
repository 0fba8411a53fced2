"""Jobs that run while the service is replaced: those of earlier releases had other names, and no signature."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.compute import Harness, make_harness
from support.parts import make_parts

from pfcon.errors import Absent
from pfcon.jobs import JobService
from pfcon.jobs.parts import Parts, request_id
from pfcon.models import JobId, JobKind, JobSpec, JobStatus, Resources
from pfcon.paths import StoreBase
from pfcon.records import Claimed, Phase

Z, Z_COPY = JobId("z"), JobId("z-copy")


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[Harness]:
    harness = make_harness("process", storebase.root)
    yield harness
    harness.close()


@pytest.fixture
def parts(storebase: StoreBase, tmp_path: Path, compute: Harness) -> Parts:
    return make_parts(storebase, tmp_path, compute.engine)


@pytest.fixture
def running(parts: Parts, compute: Harness) -> JobSpec:
    """The plugin job of jid z-copy, as an earlier release has scheduled and recorded it."""
    claimed = parts.journal.claim(Z_COPY, JobKind.PLUGIN, "digest")
    assert isinstance(claimed, Claimed)
    made = compute.shell("echo begun; exec sleep 600", name="z-copy")
    spec = replace(made, jid=Z_COPY, request=request_id("digest", claimed.record.claim))
    compute.engine.schedule(spec)
    assert parts.journal.move(claimed.record, Phase.SCHEDULED, spec=spec.to_json(), status="started")
    return spec


def test_it_is_found_under_its_old_name_and_removed(parts: Parts, compute: Harness, running: JobSpec) -> None:
    service = JobService(parts)
    assert service.status(Z_COPY, JobKind.PLUGIN)[0].status is JobStatus.STARTED
    service.remove(Z_COPY, JobKind.PLUGIN, with_data=True)
    with pytest.raises(Absent):
        compute.engine.info(running.name)


def test_nobody_takes_it_for_the_copy_job_of_another(parts: Parts, compute: Harness, running: JobSpec) -> None:
    service = JobService(parts)
    with pytest.raises(Absent):
        service.status(Z, JobKind.COPY)
    with pytest.raises(Absent):
        service.remove(Z, JobKind.COPY, with_data=False)
    parts.storebase.job(Z).make()
    service.submit_delete(Z, Resources())
    assert compute.engine.info(running.name).status is JobStatus.STARTED
    service.remove(Z, JobKind.DELETE, with_data=False)
