"""Images are fetched by few threads, whatever clients ask for; a fetch ends with the jobs that wait for it."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from pfcon.compute.stopping import Stop
from pfcon.jobs.fetching import MAX_PARALLEL, Fetches
from pfcon.models import JobId, JobKind, JobSpec
from pfcon.testing.waiting import eventually

MANY = 160


class HangingRegistry:
    """An engine whose images never come, but for those that are called good."""

    has_queue = True

    def __init__(self) -> None:
        self.fetching: list[str] = []
        self.fetched: list[str] = []

    def prepare(self, spec: JobSpec, report: Callable[[str], None], stop: Stop) -> None:
        self.fetching.append(spec.image)
        report(f"fetching image {spec.image}")
        ended = threading.Event()
        if not spec.image.startswith("good"):
            with stop.interrupting(ended.set):
                ended.wait()
        self.fetching.remove(spec.image)
        self.fetched.append(spec.image)


class Jobs:
    """Notes of jobs, as records keep them. wanted: those that were not deleted."""

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self.notes: dict[str, str] = {}
        self.done: list[str] = []
        self.fetches = Fetches(self.note, lambda record, spec, fault: self.done.append(spec.name))
        self.engine: Any = HangingRegistry()

    def note(self, record: Any, text: str) -> bool:
        self.notes[record] = text
        return record in self.wanted

    def post(self, name: str, image: str) -> None:
        self.wanted.add(name)
        record: Any = name
        self.fetches.add(self.engine, record, JobSpec(name, JobId(name), JobKind.PLUGIN, image, ("true",)))


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


def test_many_hanging_images_take_few_threads_and_end_with_their_jobs(jobs: Jobs) -> None:
    before = threading.active_count()
    for number in range(MANY):
        jobs.post(f"j{number}", f"hangs:{number}")
    jobs.post("last", "good:1")
    assert eventually(lambda: len(jobs.engine.fetching) == MAX_PARALLEL)
    assert threading.active_count() - before <= MAX_PARALLEL + 1
    assert eventually(lambda: "waits for" in jobs.notes.get("last", "") or len(jobs.notes) > MANY / 2)
    jobs.wanted = {"last"}
    assert eventually(lambda: jobs.done == ["last"])
    assert eventually(lambda: jobs.engine.fetching == [] and threading.active_count() <= before)


def test_one_image_is_fetched_once_for_all_that_wait_for_it(jobs: Jobs) -> None:
    for number in range(MANY):
        jobs.post(f"j{number}", "hangs:1")
    jobs.post("good", "good:1")
    assert eventually(lambda: jobs.done == ["good"])
    assert jobs.engine.fetching == ["hangs:1"]
    jobs.wanted.clear()
    assert eventually(lambda: jobs.engine.fetching == [])
    assert jobs.done == ["good"]
