"""Time limits of jobs on an engine that has none of its own: the leader stops them."""

import time
from dataclasses import replace
from typing import Any

import pytest
from support.watched_service import PLUGIN, CountingEngine, post, record, settled, watch

from pfcon.compute.process.spec import Plan, make_plan
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.models import JobId, JobSpec, JobStatus
from pfcon.reasons import Reason
from pfcon.records import Journal, Phase
from pfcon.testing.waiting import eventually


@pytest.fixture
def limitless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine does not know the time limits of jobs."""
    monkeypatch.setattr(CountingEngine, "own_time_limit", False)
    monkeypatch.setattr("pfcon.compute.process.engine.make_plan", _plan_without_limit)


def _plan_without_limit(spec: JobSpec, *args: Any, **options: Any) -> Plan:
    return make_plan(replace(spec, resources=replace(spec.resources, time_limit=None)), *args, **options)


@pytest.mark.usefixtures("limitless")
def test_a_job_is_stopped_at_its_time_limit_and_no_other(service: JobService, context: JobContext) -> None:
    service.engine_watches[0]._stopper._minute = 0.5  # seconds
    post(service, "j1", time_limit=4)
    post(service, "j2", time_limit=4000)
    post(service, "j3")
    assert eventually(lambda: (watch(service), record(context, "j1").phase)[1] is Phase.FINAL)
    ended = record(context, "j1")
    assert (ended.status, ended.message) == (JobStatus.FAILED, "stopped at its time limit of 4 minutes")
    assert ended.reason == Reason.TIME_LIMIT
    assert ended.finished_at is not None
    assert ended.details.started_at is not None
    assert (ended.finished_at - ended.details.started_at).total_seconds() >= 2
    assert {record(context, jid).phase for jid in ("j2", "j3")} == {Phase.SCHEDULED}


@pytest.mark.usefixtures("limitless")
def test_a_new_leader_counts_the_time_from_the_start_of_the_job(service: JobService, context: JobContext) -> None:
    post(service, "j1", time_limit=4)
    time.sleep(2)
    other = JobService(replace(context, journal=Journal(lambda: context.journal.database.engine)))
    stopper = other.engine_watches[0]._stopper
    stopper._minute = 0.75
    watch(other)
    watched = other.engine_watches[0]._jobs[record(context, "j1").claim]
    assert eventually(lambda: watched.stop_at is not None)
    assert watched.stop_at is not None
    assert watched.stop_at - time.monotonic() < 1.5
    assert eventually(lambda: (watch(other), record(context, "j1").phase)[1] is Phase.FINAL)


@pytest.mark.usefixtures("limitless")
def test_a_client_that_cancels_is_told_that(service: JobService, context: JobContext) -> None:
    post(service, "j1", time_limit=4000)
    service.cancel(JobId("j1"), PLUGIN)
    assert eventually(lambda: (watch(service), record(context, "j1").phase)[1] is Phase.FINAL)
    assert (record(context, "j1").message, record(context, "j1").reason) == ("cancelled", Reason.CANCELLED)


@pytest.mark.usefixtures("limitless")
def test_a_clock_of_the_engine_that_is_wrong_does_not_shorten_the_time(
    service: JobService, engine: CountingEngine, context: JobContext
) -> None:
    post(service, "j1", time_limit=60)
    engine.clock = -61 * 60.0
    assert settled(service, engine)
    watched = service.engine_watches[0]._jobs[record(context, "j1").claim]
    assert watched.stop_at is not None
    assert watched.stop_at - time.monotonic() > 59 * 60


@pytest.mark.usefixtures("limitless")
def test_a_stop_that_no_thread_can_do_is_tried_again(
    service: JobService, context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopper = service.engine_watches[0]._stopper
    stopper._minute = 0.25
    post(service, "j1", time_limit=1)
    watch(service)
    watched = service.engine_watches[0]._jobs[record(context, "j1").claim]
    with monkeypatch.context() as patch:
        patch.setattr(stopper._stops, "add", _no_thread)
        assert eventually(lambda: (watch(service), watched.stop_again_at)[1] > 0)
        assert not watched.stopping
    watched.stop_again_at = 0.0
    assert eventually(lambda: (watch(service), record(context, "j1").phase)[1] is Phase.FINAL)


def _no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")
