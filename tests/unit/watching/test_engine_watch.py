"""The leader's rounds: which jobs it asks the engine for, and when the records count as fresh."""

import logging
import time
from dataclasses import replace

import pytest
from support.watched_service import PLUGIN, CountingEngine, Nothing, is_fresh, post, record, settled, watch

from pfcon.errors import DamagedJob, Unreachable
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.models import (
    JobId,
    JobInfo,
    JobStatus,
)
from pfcon.records import Phase
from pfcon.testing.waiting import eventually


def test_jobs_that_do_not_change_are_not_asked_for(service: JobService, engine: CountingEngine) -> None:
    for number in range(5):
        post(service, f"j{number}")
    assert settled(service, engine)
    engine.lists = 0
    for _ in range(10):
        watch(service)
    assert (engine.lists, engine.infos) == (10, [])


def test_an_end_is_recorded_with_its_log_and_only_that_job_is_asked_for(
    service: JobService, engine: CountingEngine, context: JobContext
) -> None:
    post(service, "j1")
    post(service, "j2", "echo begun; sleep 1; exit 3")
    assert settled(service, engine)
    assert eventually(lambda: (watch(service), record(context, "j2").phase)[1] is Phase.FINAL)
    ended = record(context, "j2")
    assert (ended.status, ended.logs, ended.details.exit_code) == (JobStatus.FAILED, "begun\n", 3)
    assert set(engine.infos) == {"j2"}


def test_without_jobs_the_engine_is_not_asked(service: JobService, engine: CountingEngine) -> None:
    watch(service)
    assert engine.lists == 0


def test_only_records_from_before_the_first_round_are_outdated_at_once(
    service: JobService, engine: CountingEngine, context: JobContext
) -> None:
    leader = service.engine_watches[0]
    watch(service)
    post(service, "j1")
    assert eventually(lambda: record(context, "j1").phase is Phase.SCHEDULED)
    engine.unclear["j1"] = Unreachable("no answer")

    def outdated_since() -> float | None:
        watch(service)
        return next(iter(leader._jobs.values())).outdated_since

    assert (outdated_since() or 0.0) > 0.0
    service.stop()
    leader.tick()
    assert outdated_since() == float("-inf")


def test_the_records_are_fresh_after_a_round_and_answer_then(
    service: JobService, engine: CountingEngine, context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(service, "j1")
    assert not is_fresh(service)
    assert settled(service, engine)
    assert eventually(lambda: (watch(service), is_fresh(service))[1])
    monkeypatch.setattr(service._statuses._limits, "may_check", lambda _: False)
    engine.infos.clear()
    assert [service.status(JobId("j1"), PLUGIN)[0].status for _ in range(50)] == [JobStatus.STARTED] * 50
    assert engine.infos == []


def test_answers_from_records_have_what_the_engine_last_said(
    service: JobService, engine: CountingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(service, "j1", "echo hello; exec sleep 600")
    asked = eventually(lambda: service.status(JobId("j1"), PLUGIN)[1] == "hello\n")
    assert asked
    direct, log = service.status(JobId("j1"), PLUGIN)
    assert eventually(lambda: (watch(service), is_fresh(service))[1])
    monkeypatch.setattr(service._statuses._limits, "may_check", lambda _: False)
    monkeypatch.setattr(service._statuses._limits, "may_read_log", lambda *_: False)
    recorded, kept = service.status(JobId("j1"), PLUGIN)
    assert (replace(recorded, request=direct.request), kept) == (direct, log)


def test_an_engine_that_is_away_is_said_once_and_caught_up_with(
    service: JobService, engine: CountingEngine, context: JobContext, caplog: pytest.LogCaptureFixture
) -> None:
    post(service, "j1", "sleep 1")
    assert settled(service, engine)
    leader = service.engine_watches[0]
    engine.away = True
    for _ in range(5):
        watch(service)
    warnings = [one.message for one in caplog.records if one.levelno >= logging.WARNING]
    assert len([text for text in warnings if "process engine does not answer" in text]) == 1, warnings
    engine.lists = 0
    leader.tick()  # it waits now, for 30 seconds
    assert engine.lists == 0
    engine.away = False
    assert eventually(lambda: (watch(service), record(context, "j1").phase)[1] is Phase.FINAL)
    assert len([one for one in caplog.records if "answers again" in one.message]) == 1


@pytest.mark.parametrize("error", [Unreachable("no answer about it"), DamagedJob("damaged"), ValueError("a bug")])
def test_a_job_that_cannot_be_checked_is_asked_for_by_requests_and_no_other(
    service: JobService, engine: CountingEngine, context: JobContext, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    post(service, "j1")
    engine.unclear["j1"] = error
    post(service, "j2", "sleep 1")
    post(service, "j3")
    assert eventually(lambda: (watch(service), record(context, "j2").phase)[1] is Phase.FINAL)
    assert eventually(lambda: (watch(service), is_fresh(service, "j3") and not is_fresh(service, "j1"))[1])
    service._statuses._limits = Nothing(1)
    engine.infos.clear()
    assert service.status(JobId("j3"), PLUGIN)[0].status is JobStatus.STARTED
    with pytest.raises(type(error)):
        service.status(JobId("j1"), PLUGIN)
    assert engine.infos == []
    assert len([one for one in caplog.records if "job j1" in one.message]) == 1
    engine.unclear.clear()
    service.engine_watches[0]._jobs[record(context, "j1").claim].check_at = 0.0
    assert eventually(lambda: (watch(service), is_fresh(service, "j1"))[1])


@pytest.mark.parametrize("error", [RuntimeError("generator raised StopIteration"), KeyError("Names")])
def test_a_list_that_its_engine_cannot_read_is_an_outage_that_is_said_once(
    service: JobService, engine: CountingEngine, context: JobContext, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    post(service, "j1", "sleep 1")
    engine.list_error = error
    for _ in range(3):
        watch(service)
    assert service.engine_watches[0]._outage.is_backing_off
    assert len([one for one in caplog.records if "can't be listed" in one.message]) == 1
    engine.list_error = None
    assert eventually(lambda: (watch(service), record(context, "j1").phase)[1] is Phase.FINAL)


def test_a_job_that_is_not_listed_and_has_not_ended_is_checked_every_two_seconds(
    service: JobService, engine: CountingEngine, context: JobContext
) -> None:
    post(service, "j1")
    assert settled(service, engine)
    watched = service.engine_watches[0]._jobs[record(context, "j1").claim]
    engine.hidden.add("j1")
    for _ in range(3):
        assert eventually(lambda: (watch(service), watched.unlisted_since)[1] is not None)
        assert eventually(lambda: not watched.checking and watched.check_at > 0)
        assert watched.check_at - time.monotonic() <= 2
        watched.check_at = 0.0
    engine.hidden.clear()
    assert eventually(lambda: (watch(service), watched.unlisted_since)[1] is None)


def test_an_end_waits_for_a_log_that_cannot_be_read_at_the_moment(
    service: JobService, engine: CountingEngine, context: JobContext
) -> None:
    post(service, "j1", "sleep 1; echo result")
    engine.without_logs = True
    assert eventually(lambda: engine.info("j1").status.final)
    leader = service.engine_watches[0]
    assert eventually(lambda: (watch(service), any(one.failures for one in leader._jobs.values()))[1])
    assert record(context, "j1").phase is Phase.SCHEDULED
    engine.without_logs = False
    for one in leader._jobs.values():
        one.check_at = 0.0
    assert eventually(lambda: (watch(service), record(context, "j1").phase)[1] is Phase.FINAL)
    assert record(context, "j1").logs == "result\n"


def test_an_older_answer_of_the_engine_does_not_replace_a_newer_one(service: JobService, context: JobContext) -> None:
    post(service, "j1")
    before = record(context, "j1")
    older = replace(before, status=JobStatus.NOT_STARTED, message="waiting")
    context.journal.save_status(before, JobInfo("j", JobStatus.STARTED, "runs"), "")
    context.journal.save_status(older, JobInfo("j", JobStatus.NOT_STARTED, "waits for another thing"), "")
    assert (record(context, "j1").status, record(context, "j1").message) == (JobStatus.STARTED, "runs")
    context.journal.save_log(older, "its log")
    assert (record(context, "j1").status, record(context, "j1").logs) == (JobStatus.STARTED, "its log")


def test_an_engine_that_cannot_list_jobs_is_asked_for_each(
    service: JobService, engine: CountingEngine, context: JobContext
) -> None:
    engine.unlisted = True
    post(service, "j1")
    post(service, "j2", "sleep 1")
    assert eventually(lambda: (watch(service), record(context, "j2").phase)[1] is Phase.FINAL)
    assert not is_fresh(service)
    engine.away = True
    engine.infos.clear()
    watch(service)
    assert not eventually(lambda: engine.infos, 1)


def test_only_the_leader_watches(service: JobService, engine: CountingEngine, context: JobContext) -> None:
    post(service, "j1")
    service.engine_watches[0].tick()
    assert engine.lists == 1
    service.stop()
    service.engine_watches[0]._next = 0
    service.engine_watches[0].tick()
    assert engine.lists == 1
    assert service.engine_watches[0]._jobs == {}
