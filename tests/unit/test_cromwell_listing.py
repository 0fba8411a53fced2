"""The lists of all jobs of Cromwell: from one query, and the claims in storeBase."""

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from fakes.cromwell_server import FakeCromwell
from support.cromwell import CromwellHarness, cromwell_harness, engine_at

from pfcon.compute.cromwell import client
from pfcon.compute.cromwell.client import CromwellCalls
from pfcon.compute.cromwell.spec import STORE_LABEL, store_id
from pfcon.models import JobSpec
from pfcon.paths import StoreBase
from pfcon.testing.waiting import eventually


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[CromwellHarness]:
    harness = cromwell_harness(storebase.root)
    yield harness
    harness.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeCromwell]:
    """A server that runs nothing: what is submitted stays so."""
    with FakeCromwell(tmp_path, lag=0) as server:
        server.held = True
        yield server
        for workflow in server.workflows.values():
            workflow.status = "Submitted"  # it aborts these, and waits for their ends


def lasting(compute: CromwellHarness, number: int) -> list[JobSpec]:
    """Start jobs, and wait until they are active."""
    specs = [compute.start_lasting(request=f"digest.{index}") for index in range(number)]
    assert eventually(lambda: {spec.name for spec in specs} <= set(compute.engine.active_jobs() or ()))
    return specs


@pytest.mark.parametrize(("size", "pages"), [(1000, 1), (2, 2)])
def test_all_pages_of_active_workflows_are_read(
    server: FakeCromwell, monkeypatch: pytest.MonkeyPatch, size: int, pages: int
) -> None:
    monkeypatch.setattr(client, "ACTIVE_PAGE", size)
    calls = CromwellCalls(server.url)
    for status in ("Submitted", "Submitted", "Running", "Aborting", "Succeeded", "Failed", "Aborted"):
        server.workflows[calls.submit("x", {"pfcon-store": "1"}, {})].status = status
    calls.submit("x", {"pfcon-store": "2"}, {})
    server.requests.clear()
    found = [one.status for one in calls.active({"pfcon-store": "1"})]
    assert sorted(found) == ["Aborting", "Running", "Submitted", "Submitted"]
    assert len(server.requests) == pages


def test_a_list_takes_one_request_for_any_number_of_jobs(compute: CromwellHarness) -> None:
    assert compute.server
    for number in (1, 4):
        names = {spec.name for spec in lasting(compute, number)}
        compute.server.requests.clear()
        assert names <= set(compute.engine.active_jobs() or ())
        assert len(compute.server.requests) == 1
        assert names <= set(compute.engine.jobs() or ())
        assert len(compute.server.requests) == 2


def test_a_service_of_another_storebase_has_a_list_of_its_own(compute: CromwellHarness, tmp_path: Path) -> None:
    assert compute.server
    (tmp_path / "other").mkdir()
    other = engine_at(compute.server.url, StoreBase(tmp_path / "other"))
    lasting(compute, 1)
    assert (other.active_jobs(), other.jobs()) == ({}, {})


def test_an_active_job_is_listed_without_its_claim_until_it_is_removed(compute: CromwellHarness) -> None:
    (spec,) = lasting(compute, 1)
    shutil.rmtree(compute.storebase.private / "cromwell" / "jobs" / spec.name)
    assert spec.name in (compute.engine.active_jobs() or ())
    assert compute.engine.jobs() == {spec.name: spec.request}


def test_a_damaged_claim_does_not_affect_the_list_of_others(compute: CromwellHarness) -> None:
    damaged, good = lasting(compute, 2)
    claim = compute.storebase.private / "cromwell" / "jobs" / damaged.name / "job.json"
    content = claim.read_text()
    claim.write_text("{")
    assert compute.engine.jobs() == {damaged.name: "", good.name: good.request}
    assert set(compute.engine.active_jobs() or ()) == {damaged.name, good.name}
    claim.write_text(content)


def test_a_workflow_without_the_label_of_a_name_is_not_a_job(compute: CromwellHarness) -> None:
    assert compute.server
    root = PurePosixPath(compute.storebase.root)
    CromwellCalls(compute.server.url).submit("version 1.0", {STORE_LABEL: store_id(root)}, {})
    assert compute.engine.active_jobs() == {}
