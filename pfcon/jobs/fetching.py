"""Fetching images in the background: a few at the same time, and each only once for all jobs that wait for it."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field

from pfcon.background import run_in_background
from pfcon.compute.base import ComputeEngine
from pfcon.compute.stopping import Stop
from pfcon.errors import Conflict
from pfcon.models import JobSpec
from pfcon.records import Record

log = logging.getLogger(__name__)

AT_ONCE = 4  # images that one process fetches; an engine fetches the layers of each in parallel
LOOK = 1.0  # seconds between two looks at whether the jobs still want their images
NOTES = 20  # jobs whose message one look updates; with more, they take turns
Waiting = tuple[Record, JobSpec, ExitStack]  # and what ends with the job's waiting


@dataclass
class _Fetch:
    """One image, and the jobs that wait for it."""

    engine: ComputeEngine
    spec: JobSpec
    message: str
    jobs: list[Waiting]
    stop: Stop = field(default_factory=Stop)


class Fetches:
    """Bounded: AT_ONCE threads that fetch, and one that looks after them; none while nothing is to be fetched.

    note: sets a job's message, False when the job was ended meanwhile. done: continues a job, with what was raised
    instead of an image or None; what it raises is logged. at_work: a context in which a job is from ``add`` until it is
    done, or nobody wants it. Methods are thread-safe.
    """

    def __init__(
        self,
        note: Callable[[Record, str], bool],
        done: Callable[[Record, JobSpec, Exception | None], None],
        at_work: Callable[[Record], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        self._note = note
        self._done = done
        self._at_work = at_work
        self._lock = threading.Lock()
        self._waiting: dict[tuple[int, str], _Fetch] = {}
        self._running: dict[tuple[int, str], _Fetch] = {}
        self._looking = False
        self._turn = 0

    def add(self, engine: ComputeEngine, record: Record, spec: JobSpec) -> None:
        """Have the job's image fetched, after those that were asked for earlier."""
        key = (id(engine), spec.image)
        work = ExitStack()
        work.enter_context(self._at_work(record))
        job = (record, spec, work)
        with self._lock:
            there = self._running.get(key) or self._waiting.get(key)
            if there and not there.stop.is_set():
                there.jobs.append(job)
            else:
                self._waiting[key] = _Fetch(engine, spec, "", [job])
            self._begin()
            if not self._looking:
                run_in_background("look after image fetches", self._look_after)
                self._looking = True

    def _begin(self) -> None:
        """Start what there is room for. Call it with the lock held."""
        for key in [key for key in self._waiting if key not in self._running][: AT_ONCE - len(self._running)]:
            fetch = self._running[key] = self._waiting.pop(key)
            try:
                run_in_background(f"fetch {key[1]}", lambda key=key, fetch=fetch: self._run(key, fetch))  # type: ignore[misc]
            except RuntimeError:  # no more threads now: whoever finds the jobs abandoned begins anew
                del self._running[key]
                for _, _, work in fetch.jobs:
                    work.close()
                raise

    def _run(self, key: tuple[int, str], fetch: _Fetch) -> None:
        fault: Exception | None = None
        try:
            fetch.engine.prepare(fetch.spec, lambda text: self._report(fetch, text), fetch.stop)
        except Exception as error:  # noqa: BLE001 - it is passed on to each job
            fault = error
        while True:
            with self._lock:
                if not fetch.jobs:
                    del self._running[key]
                    self._begin()
                    return
                record, spec, work = fetch.jobs.pop(0)
            try:
                with work:
                    self._done(record, spec, fault)
            except Exception as error:  # noqa: BLE001 - the other jobs are next; recovery continues this one
                log.warning("job %s: what became of its image can't be written down yet: %s", spec.name, error)

    def _report(self, fetch: _Fetch, text: str) -> None:
        fetch.message = text
        if fetch.stop.is_set():
            raise Conflict("nobody waits for the image any more")

    def _look_after(self) -> None:
        while True:
            time.sleep(LOOK)
            with self._lock:
                if not self._running and not self._waiting:
                    self._looking = False
                    return
                running = [(fetch, fetch.message) for fetch in self._running.values()]
                before = len(running)
                waiting = [
                    (fetch, f"waits for {before + number} other image fetches")
                    for number, fetch in enumerate(self._waiting.values())
                ]
                jobs = [(fetch, text, job) for fetch, text in (*running, *waiting) for job in fetch.jobs]
            for number in range(min(NOTES, len(jobs))):
                fetch, text, job = jobs[(self._turn + number) % len(jobs)]
                self._look_at(fetch, text, job)
            self._turn += NOTES
            self._end_unwanted()

    def _look_at(self, fetch: _Fetch, text: str, job: Waiting) -> None:
        try:
            wanted = self._note(job[0], text or f"pulling image {job[1].image}")
        except Exception as error:  # noqa: BLE001 - the records may be away; the next look tries again
            log.warning("job %s: its progress can't be noted: %s", job[1].name, error)
            return
        if not wanted:
            with self._lock:
                fetch.jobs = [other for other in fetch.jobs if other is not job]
            job[2].close()

    def _end_unwanted(self) -> None:
        """Stop, or never begin, what no job wants any more."""
        with self._lock:
            for key in [key for key, fetch in self._waiting.items() if not fetch.jobs]:
                del self._waiting[key]
            unwanted = [fetch for fetch in self._running.values() if not fetch.jobs]
            for fetch in unwanted:
                fetch.stop.set()
