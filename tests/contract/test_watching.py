"""The leader follows jobs on every engine: an end is recorded, with its log, although no client asks for the job."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.compute import make_harness
from support.engines import IMAGE
from support.job_context import make_context
from support.zips import good_zip, spooled

from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.models import JobId, JobKind, JobRequest, JobStatus, PluginType
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.records import Phase, Record
from pfcon.records.cancellations import request_cancellation
from pfcon.testing.compute import Harness
from pfcon.testing.waiting import eventually

REAL = ("cromwell", "docker", "podman", "podman-rootless", "swarm", "kubernetes")
ENGINES = [
    "process",
    "fake-kubernetes",
    *(pytest.param(name, marks=pytest.mark.engine(name)) for name in REAL),
    pytest.param("slurm-plain-crun", marks=pytest.mark.engine("slurm")),
    pytest.param("htcondor-crun", marks=pytest.mark.engine("htcondor")),
]
PLUGIN = JobKind.PLUGIN


@dataclass(frozen=True)
class Site:
    """A service that leads, on an engine. Its jobs are removed at the end."""

    service: JobService
    context: JobContext
    harness: Harness

    def post(self, script: str, time_limit: int | None = None) -> JobId:
        """Start a job that runs a shell script. time_limit: minutes."""
        jid = JobId(f"pfcon-test-{uuid.uuid4().hex[:12]}")
        self.harness.names.append(str(jid))
        fixed = (jid, IMAGE, ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0)
        request = JobRequest(*fixed, args=(script,), time_limit=time_limit)
        upload = spooled(good_zip({"a": b"b"}))
        with upload.file:
            self.service.submit(request, upload)
        return jid

    def record(self, jid: JobId) -> Record:
        """As the records have it: no engine is asked."""
        found = self.context.journal.get(jid, PLUGIN)
        assert found is not None
        return found

    def watched(self, *, until: Callable[[], bool]) -> bool:
        """Watch the jobs as the server does, until something is true."""

        def look() -> bool:
            self.service.lead()
            for watch in self.service.engine_watches:
                watch.tick()
            return until()

        return eventually(look)


@pytest.fixture(params=ENGINES)
def site(request: pytest.FixtureRequest, storebase: StoreBase, tmp_path: Path) -> Iterator[Site]:
    harness = make_harness(request.param, storebase.root)
    context = make_context(replace(harness.storebase, passable=True), tmp_path, harness.engine)
    service = JobService(context)
    service.start()
    yield Site(service, context, harness)
    harness.close()


def test_ends_are_recorded_with_their_logs_and_without_a_client(site: Site) -> None:
    well, badly = site.post("echo well; sleep 2"), site.post("echo badly; sleep 2; exit 3")
    assert site.watched(until=lambda: all(site.record(jid).phase is Phase.FINAL for jid in (well, badly)))
    assert [site.record(jid).status for jid in (well, badly)] == [JobStatus.SUCCEEDED, JobStatus.FAILED]
    assert "well" in site.record(well).logs
    assert "badly" in site.record(badly).logs


def test_records_are_fresh_and_answer_while_a_job_runs_and_when_it_has_ended(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = site.service._statuses._limits
    monkeypatch.setattr(limits, "may_check", lambda _: False)
    jid = site.post('until [ -e "$1/end" ]; do sleep 0.2; done')
    fresh = site.service._statuses._freshness.is_fresh
    assert site.watched(until=lambda: fresh(PLUGIN, "") and site.record(jid).status is JobStatus.STARTED)
    monkeypatch.setattr(site.service._scheduler.states, "refresh", None)  # no request may ask the engine
    assert site.service.status(jid, PLUGIN)[0].status is JobStatus.STARTED
    (site.context.storebase.job(jid).outgoing / "end").write_text("")
    assert site.watched(until=lambda: site.service.status(jid, PLUGIN)[0].status is JobStatus.SUCCEEDED)


def test_a_job_that_is_removed_outside_of_pfcon_is_noticed(site: Site) -> None:
    jid = site.post("echo begun; exec sleep 600")
    assert site.watched(until=lambda: site.record(jid).status is JobStatus.STARTED)
    site.context.engine.remove(site.record(jid).name)
    assert site.watched(until=lambda: site.record(jid).phase is Phase.FINAL)
    assert "no longer knows" in site.record(jid).message


def test_a_job_that_a_client_has_cancelled_ends_although_the_engine_did_not_answer_then(site: Site) -> None:
    jid = site.post("exec sleep 600")
    assert site.watched(until=lambda: site.record(jid).status is JobStatus.STARTED)
    assert request_cancellation(site.context.journal, site.record(jid))
    assert site.watched(until=lambda: site.record(jid).phase is Phase.FINAL)
    assert (site.record(jid).message, site.record(jid).reason) == ("cancelled", Reason.CANCELLED)


def test_a_job_is_stopped_at_its_time_limit_on_engines_that_have_none(site: Site) -> None:
    if site.context.engine.own_time_limit:
        pytest.skip(f"{site.harness.name} stops jobs itself: the contract's topic of limits has that")
    (watch,) = site.service.engine_watches
    watch._stopper._minute = 1.0  # seconds
    limited, other = site.post("echo begun; exec sleep 600", time_limit=3), site.post("exec sleep 600")
    assert site.watched(until=lambda: site.record(limited).phase is Phase.FINAL)
    ended = site.record(limited)
    assert (ended.message, ended.reason) == ("stopped at its time limit of 3 minutes", Reason.TIME_LIMIT)
    assert "begun" in ended.logs
    assert site.record(other).phase is Phase.SCHEDULED
