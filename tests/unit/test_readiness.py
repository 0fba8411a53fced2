"""Readiness: parts are asked at the same time, with a time limit, and not too often."""

import logging
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from pfcon.configuration import load
from pfcon.errors import StorageFull, Unreachable
from pfcon.jobs import lookup
from pfcon.jobs.make_context import make_context
from pfcon.jobs.readiness import PartState, Readiness, make_readiness, probing, traffic_states
from pfcon.jobs.watching.watch import Watch
from pfcon.paths import StoreBase
from pfcon.testing.waiting import eventually

PROCESS = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process"}


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


def test_a_part_that_hangs_does_not_work_and_keeps_one_thread(caplog: pytest.LogCaptureFixture) -> None:
    """As a network file system whose server is gone; the others answer meanwhile."""
    release, started = threading.Event(), []

    def hanging() -> str:
        started.append(1)
        release.wait()
        return "back"

    readiness = Readiness({"storebase": hanging, "records": lambda: "here"}, patience=2.0, kept=0.0)
    for number in range(3):
        begun = time.monotonic()
        states = readiness.states()
        # Only the first one waits: anybody may ask, and must not be able to occupy all threads.
        assert time.monotonic() - begun < (5 if number == 0 else 1)
        assert not states["storebase"].ok
        assert states["storebase"].message.startswith("no answer for ")
        assert states["records"].ok
    assert len(started) == 1
    assert [record.getMessage() for record in caplog.records] == ["part does not work"]
    release.set()
    assert eventually(lambda: readiness.states()["storebase"].ok)
    assert [record.getMessage() for record in caplog.records] == ["part does not work", "part works again"]


def test_a_part_that_begins_to_hang_does_not_work(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it has said before."""
    release, hangs = threading.Event(), list[int]()

    def probe() -> str:
        if hangs:
            release.wait()
        return "here"

    readiness = Readiness({"storebase": probe}, patience=0.2, kept=0.0)
    assert readiness.states()["storebase"].ok
    hangs.append(1)
    assert not readiness.states()["storebase"].ok
    assert [record.getMessage() for record in caplog.records] == ["part does not work"]
    release.set()


def test_a_part_that_no_thread_can_ask_does_not_work_and_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may be out of threads for a moment."""

    def none(_name: str, _work: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as now:
        now.setattr(lookup, "run_in_background", none)
        readiness = Readiness({"records": lambda: "here"}, kept=0.0)
        assert readiness.states()["records"].message == "can't start new thread"
    assert readiness.states()["records"].ok


def test_the_keeper_is_never_kept() -> None:
    """It is known without asking anybody."""
    asked = []
    readiness = Readiness({"keeper": lambda: str(asked.append(1))}, kept_of={"keeper": 0.0})
    for _ in range(3):
        readiness.states()
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("broken", "should_get"),
    [
        ({}, True),
        ({"engine": Unreachable("away"), "storage": Unreachable("away"), "keeper": Unreachable("none")}, True),
        ({"storebase": StorageFull("1 MiB free")}, True),
        ({"records": StorageFull("full")}, True),
        ({"storebase": Unreachable("unmounted")}, False),
        ({"records": Unreachable("no answer")}, False),
        ({"records": OSError(5, "I/O error")}, False),
    ],
)
def test_only_what_another_process_may_reach_keeps_requests_away(
    broken: dict[str, Exception], should_get: bool
) -> None:
    """An engine is away for all of them, and on a full disk clients must be able to delete jobs."""
    names = ("records", "storebase", "storage", "engine", "keeper")
    probes = {name: failing(broken[name]) if name in broken else lambda: "here" for name in names}
    states, found = traffic_states(Readiness(probes))
    assert (list(states), found) == (["records", "storebase"], should_get)


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


@pytest.mark.parametrize(("leads", "who"), [(True, "this"), (False, "another")])
def test_which_process_watches_the_jobs_is_no_warning(storebase: StoreBase, leads: bool, who: str) -> None:
    context = make_context(load({**PROCESS, "STOREBASE_MOUNT": str(storebase.root)}), storebase)
    watch = cast(Watch, SimpleNamespace(keeper_silence=0.0, patience=15.0, leads=leads))
    told = make_readiness(context, watch).states(["keeper"])["keeper"]
    assert (told.ok, told.message) == (True, f"the jobs are watched, by {who} process of the service")


def test_records_whose_file_was_removed_or_replaced_do_not_work(storebase: StoreBase) -> None:
    """SQLite goes on with a file that has no name: all that is written to it ends with the process."""
    context = make_context(load({**PROCESS, "STOREBASE_MOUNT": str(storebase.root)}), storebase)

    def look() -> tuple[str, bool]:
        states, traffic = traffic_states(make_readiness(context, cast(Watch, SimpleNamespace())))
        return states["records"].message, traffic

    assert look()[0] == "the database answers"
    (path,) = storebase.private.rglob("records.db")
    away = path.with_name("away")
    path.rename(away)
    for replaced in (False, True):
        if replaced:
            path.touch()
        message, traffic = look()
        assert f"{path} is not the file that this process has opened" in message
        assert not traffic
    away.replace(path)
    assert look()[0] == "the database answers"
