"""What a process does every few seconds: one line tells that it fails, and one that it works again."""

import itertools
import threading

import pytest

from pfcon.background import Ticker
from pfcon.errors import Unreachable
from pfcon.testing.waiting import PATIENCE

GONE = [FileNotFoundError(2, "No such file or directory", f"/storeBase/.pfcon/{name}") for name in ("a", "b", "b")]
AWAY = [Unreachable("the database does not answer")] * 3


@pytest.mark.parametrize("faults", [GONE, AWAY], ids=["storeBase", "database"])
def test_an_outage_is_told_once_without_a_traceback(faults: list[Exception], caplog: pytest.LogCaptureFixture) -> None:
    calls, done = itertools.count(), threading.Event()

    def work() -> None:
        number = next(calls)
        if number < len(faults):
            raise faults[number]
        if number > len(faults):
            done.set()

    with caplog.at_level("INFO"):
        ticker = Ticker("tidy", 0.01, work)
        assert done.wait(PATIENCE)
        ticker.stop(wait=True)
    assert caplog.messages == [f"tidy failed, and will be retried: {faults[0]}", "tidy works again"]
    assert not [line for line in caplog.records if line.exc_info]


def test_an_error_of_pfcon_itself_has_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    failed = threading.Event()

    def work() -> None:
        failed.set()
        raise ValueError("a fault")

    ticker = Ticker("tidy", 0.01, work)
    assert failed.wait(PATIENCE)
    ticker.stop(wait=True)
    assert caplog.records[0].exc_info
