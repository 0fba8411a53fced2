"""Readiness: parts are asked at the same time, with a time limit, and not too often."""

import logging
import threading
import time
from collections.abc import Callable

import pytest

from pfcon.errors import Unreachable
from pfcon.jobs.readiness import PartState, Readiness, probing
from pfcon.testing.waiting import eventually


def failing(error: Exception) -> Callable[[], str]:
    """A probe of a part that does not work."""

    def probe() -> str:
        raise error

    return probe


def test_each_part_says_whether_it_works(caplog: pytest.LogCaptureFixture) -> None:
    """Errors of pfcon and of the system have their text; others only that there was one, and the log has it."""
    probes = {
        "records": lambda: "the database answers",
        "engine": failing(Unreachable("docker does not answer")),
        "storebase": failing(OSError(28, "No space left on device")),
        "storage": failing(ValueError("a secret text")),
    }
    states = Readiness(probes).states()
    assert list(states) == list(probes)
    assert [state.ok for state in states.values()] == [True, False, False, False]
    assert states["engine"].message == "docker does not answer"
    assert "No space left" in states["storebase"].message
    assert states["storage"].message == "internal error; see the service's log"
    assert "a secret text" in caplog.text


def test_a_part_that_hangs_does_not_work_and_keeps_one_thread() -> None:
    """As a network file system whose server is gone; the others answer meanwhile."""
    release, started = threading.Event(), []

    def hanging() -> str:
        started.append(1)
        release.wait()
        return "back"

    readiness = Readiness({"storebase": hanging, "records": lambda: "here"}, patience=0.2, kept=0.0)
    for _ in range(3):
        begun = time.monotonic()
        states = readiness.states()
        assert time.monotonic() - begun < 5
        assert not states["storebase"].ok
        assert states["storebase"].message.startswith("no answer for ")
        assert states["records"].ok
    assert len(started) == 1
    release.set()
    assert eventually(lambda: readiness.states()["storebase"].ok)


def test_a_result_is_kept_and_one_of_a_failure_only_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask: ten seconds, and two."""
    asked = []

    def probe() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise Unreachable("starting")
        return "here"

    monkeypatch.setattr(probing, "KEPT_FAILURE", 0.05)
    readiness = Readiness({"records": probe}, kept=100.0)
    assert not readiness.states()["records"].ok
    assert eventually(lambda: readiness.states()["records"].ok)
    for _ in range(5):
        assert readiness.states()["records"] == PartState(True, readiness.states()["records"].ms, "here")
    assert len(asked) == 2


def test_changes_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """One line when a part begins to fail, and one when it works again."""
    fails = [False, True, True, True, False, False]

    def probe() -> str:
        if fails.pop(0):
            raise Unreachable("gone")
        return "here"

    readiness = Readiness({"engine": probe}, kept=0.0)
    with caplog.at_level(logging.INFO):
        while fails:
            readiness.states()
    assert [record.getMessage() for record in caplog.records] == ["part does not work", "part works again"]
