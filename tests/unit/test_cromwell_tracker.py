"""Whether a workflow is absent or not told of yet, where Cromwell takes long to answer."""

import time
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from pfcon.compute.cromwell.tracker import Tracker
from pfcon.errors import Absent

LAG = 10.0  # seconds


class SlowCalls:
    """A Cromwell that takes longer than LAG to say what it knew when it was asked: nothing, the first time."""

    def __init__(self, clock: SimpleNamespace) -> None:
        self._clock, self._asked = clock, 0

    def status(self, workflow: str) -> str:
        self._clock.now += LAG + 1
        raise Absent(f"there is no workflow {workflow}")

    def find(self, labels: dict[str, str]) -> list[Any]:
        self._clock.now += LAG + 1
        self._asked += 1
        return [] if self._asked == 1 else [SimpleNamespace(id="w1")]


@pytest.fixture
def claim(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A claim that was submitted just now; ``clock.now`` is the time."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(time, "time", lambda: clock.now)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return SimpleNamespace(
        clock=clock, token="t", workflow="", submission=lambda: ("", 1000.0), set_workflow=lambda found: None
    )


@pytest.fixture
def tracker(claim: Any) -> Tracker:
    calls: Any = SlowCalls(claim.clock)
    nothing: Any = None
    return Tracker(nothing, lambda: calls, nothing, root=PurePosixPath("/srv"), minutes=1, lag=LAG)


def test_what_was_asked_before_cromwell_could_know_is_not_absent(tracker: Tracker, claim: Any) -> None:
    assert tracker.word(claim, "w1") == ""
    with pytest.raises(Absent):
        tracker.word(claim, "w1")


def test_a_workflow_is_asked_for_once_more_where_the_first_answer_took_long(tracker: Tracker, claim: Any) -> None:
    assert tracker.workflow(claim, wait=True) == "w1"
