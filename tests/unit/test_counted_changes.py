"""What a change of a job adds to the counts: when it has started, and at its end; and what is looked up beside them."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from pfcon.configuration import load
from pfcon.errors import Unreachable
from pfcon.jobs import lookup
from pfcon.jobs.make_context import make_context
from pfcon.jobs.measuring import FiguresCollector, figures
from pfcon.jobs.measuring.changes import count_change
from pfcon.jobs.measuring.collector import Figures
from pfcon.models import JobId, JobKind
from pfcon.paths import StoreBase
from pfcon.records import Change
from pfcon.records.overview import Count
from pfcon.testing.waiting import eventually

BEGAN = datetime.now(UTC) - timedelta(seconds=100)
NEW = Change(
    jid=JobId("j"),
    kind=JobKind.PLUGIN,
    status="notStarted",
    previous="",
    message="",
    reason="",
    exit_code=None,
    owner="",
    image="",
    image_digest="",
    node="",
    created_at=BEGAN,
    staged_at=BEGAN + timedelta(seconds=10),
    placed_at=None,
    started_at=None,
    finished_at=None,
    bytes_in=None,
    bytes_out=None,
    spec_json="",
)
PLACED_AT = BEGAN + timedelta(seconds=25)
STARTED = replace(NEW, status="started", previous="notStarted", placed_at=PLACED_AT)
STARTED_AT = NEW.created_at and NEW.created_at + timedelta(seconds=30)
FINISHED_AT = NEW.created_at and NEW.created_at + timedelta(seconds=70)
ENDED = replace(
    NEW,
    status="finishedSuccessfully",
    previous="started",
    placed_at=PLACED_AT,
    started_at=STARTED_AT,
    finished_at=FINISHED_AT,
    bytes_in=1,
)


def counted(*changes: Change) -> dict[str, tuple[float, float]]:
    """By histogram, how many values these changes add, and their sum."""
    names = ("job_staging_seconds", "job_queue_seconds", "job_fetch_seconds", "job_run_seconds", "job_input_bytes")

    def values() -> dict[str, tuple[float, float]]:
        found = {}
        for name in names:
            number, total = (
                REGISTRY.get_sample_value(f"pfcon_{name}_{part}", {"kind": "plugin"}) or 0.0
                for part in ("count", "sum")
            )
            found[name] = (number, total)
        return found

    before = values()
    for change in changes:
        count_change(change)
    after = values()
    return {name: (after[name][0] - before[name][0], round(after[name][1] - before[name][1])) for name in names}


def test_a_job_that_has_started_is_counted_before_it_ends() -> None:
    """Jobs that run for days must not hide that others wait."""
    found = counted(NEW, replace(STARTED, started_at=STARTED_AT))
    names = ("job_staging_seconds", "job_queue_seconds", "job_fetch_seconds", "job_run_seconds")
    assert [found[name] for name in names] == [(1, 10), (1, 15), (1, 5), (0, 0)]


def test_where_the_place_is_not_known_all_is_waiting() -> None:
    found = counted(NEW, replace(STARTED, placed_at=None, started_at=STARTED_AT))
    assert (found["job_queue_seconds"], found["job_fetch_seconds"]) == ((1, 20), (0, 0))


def test_without_the_engine_s_time_it_has_started_now() -> None:
    just_staged = replace(STARTED, placed_at=None, staged_at=datetime.now(UTC) - timedelta(seconds=1000))
    number, seconds = counted(NEW, just_staged)["job_queue_seconds"]
    assert number == 1
    assert 1000 <= seconds < 2000


@pytest.mark.parametrize("changes", [(NEW, STARTED, ENDED), (NEW, replace(ENDED, previous="notStarted"))])
def test_each_job_is_counted_once(changes: tuple[Change, ...]) -> None:
    """Also one that nobody has seen to run, because it was so short."""
    found = counted(*changes)
    assert {name: number for name, (number, _) in found.items()} == dict.fromkeys(found, 1)
    assert found["job_run_seconds"] == (1, 40)


def test_a_job_that_never_started_has_not_waited_for_its_start() -> None:
    """Such as one whose image can't be fetched."""
    failed = replace(NEW, status="finishedWithError", previous="notStarted", finished_at=FINISHED_AT)
    found = counted(NEW, failed, replace(failed, placed_at=PLACED_AT))
    assert found["job_queue_seconds"] == found["job_fetch_seconds"] == (0, 0)


def test_the_age_of_the_oldest_job_that_waits_is_shown() -> None:
    """Whatever its reason; not that of one that runs."""
    now = time.time()
    counts = (
        Count("plugin", "notStarted", "", 3, now - 50),
        Count("plugin", "notStarted", "Unschedulable", 1, now - 7200),
        Count("plugin", "started", "", 1, now - 90_000),
        Count("copy", "notStarted", "", 1, None),
    )
    found = Figures(lambda: None, lambda: counts, lambda: None, lambda: None, dict, "1")
    [metric] = [one for one in FiguresCollector(found).collect() if one.name == "pfcon_oldest_waiting_job_seconds"]
    assert [(sample.labels, round(sample.value, -1)) for sample in metric.samples] == [({"kind": "plugin"}, 7200)]


def test_a_figure_whose_look_up_hangs_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while; until then it is the last one."""
    monkeypatch.setattr(figures, "KEPT", 0.0)
    monkeypatch.setattr(figures, "PATIENCE", 0.5)
    release, hangs = threading.Event(), list[int]()

    def look_up() -> int:
        if hangs:
            release.wait()
        return 7

    found = figures.latest("look", look_up, None)
    found.begin()
    assert found.result(wait=5.0) == 7
    hangs.append(1)
    found.begin()
    assert found.result(wait=0.0) == 7
    assert eventually(lambda: found.result(wait=0.0) is None)
    release.set()
    assert eventually(lambda: found.result(wait=0.0) == 7)


@pytest.mark.parametrize("fault", [Unreachable("away"), OSError(5, "I/O error"), ValueError("a bug")])
def test_a_figure_that_cannot_be_looked_up_is_unknown(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    """Until it can."""
    monkeypatch.setattr(figures, "KEPT", 0.0)
    faults = [fault]

    def look_up() -> int:
        if faults:
            raise faults.pop()
        return 7

    found = figures.latest("look", look_up, None)
    found.begin()
    assert found.result(wait=5.0) is None
    found.begin()
    assert found.result(wait=5.0) == 7


def test_a_figure_is_that_of_now_and_not_of_the_last_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process answers now and then: the figures of two must not contradict each other."""
    monkeypatch.setattr(figures, "KEPT", 0.0)
    values = [1, 2, 3]
    found = figures.latest("look", lambda: values.pop(0), 0)
    seen = []
    for _ in range(3):
        found.begin()
        seen.append(found.result(wait=5.0))
    assert seen == [1, 2, 3]


def test_a_figure_that_no_thread_can_look_up_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "KEPT", 0.0)

    def none(_name: str, _work: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    found = figures.latest("look", lambda: 7, None)
    with monkeypatch.context() as now:
        now.setattr(lookup, "run_in_background", none)
        found.begin()
        assert found.result(wait=1.0) is None
    found.begin()
    assert found.result(wait=5.0) == 7


def test_calls_to_the_engine_beside_the_service_are_measured(storebase: StoreBase) -> None:
    """Where that is another one than the engine of plugin jobs."""
    environ = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "docker", "STOREBASE_MOUNT": str(storebase.root)}
    context = make_context(load(environ), storebase)
    labels = {"engine": context.operations.name, "call": "jobs", "outcome": "ok"}

    def number() -> float:
        return REGISTRY.get_sample_value("pfcon_engine_call_seconds_count", labels) or 0.0

    before = number()
    context.operations.jobs()
    assert context.operations is not context.engine
    assert number() == before + 1


def test_a_change_is_counted_although_it_cannot_be_logged(storebase: StoreBase) -> None:
    """The log's file system may be full."""

    class Broken(logging.Handler):
        def handle(self, _record: logging.LogRecord) -> bool:
            raise OSError(28, "No space left on device")

    environ = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(storebase.root)}
    journal = make_context(load(environ), storebase).journal
    labels = {"kind": "plugin", "status": "notStarted", "reason": "Broken"}
    log, handler = logging.getLogger("pfcon.jobs.change_log"), Broken()
    before, level = log.handlers[:], log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        with pytest.raises(OSError, match="No space left"):
            journal._tell(replace(NEW, reason="Broken"))
    finally:
        log.handlers[:] = before
        log.setLevel(level)
    assert REGISTRY.get_sample_value("pfcon_job_changes_total", labels) == 1
