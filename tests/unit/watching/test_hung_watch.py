"""A leader whose engine never answers: another process takes over, and all of them know that nobody watches."""

import threading
from collections.abc import Mapping

import pytest
from support.watched_service import CountingEngine, post

from pfcon.jobs import JobService
from pfcon.jobs.watching import engine_watch
from pfcon.testing.waiting import eventually


def test_a_round_that_never_ends_ends_the_lead(
    service: JobService, engine: CountingEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Until it ends. Nothing is said of the lead by the process meanwhile, so its silence grows."""
    release = threading.Event()

    def hanging() -> Mapping[str, str]:
        release.wait()
        return {}

    post(service, "j1")
    monkeypatch.setattr(engine_watch, "HUNG", 0.2)
    monkeypatch.setattr(engine, "active_jobs", hanging)
    assert service._watch.leads
    thread = threading.Thread(target=service.engine_watches[0].tick)
    thread.start()
    try:
        assert eventually(lambda: (service.lead(), not service._watch.leads)[1])
        service.lead()
        assert len([one for one in caplog.records if "can't watch the" in one.message]) == 1
        before = service._watch.keeper_silence
        service.lead()
        assert (service._watch.keeper_silence or 0.0) > (before or 0.0)
    finally:
        release.set()
        thread.join()
    assert eventually(lambda: (service.lead(), service._watch.leads)[1])
