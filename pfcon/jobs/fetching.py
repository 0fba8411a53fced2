"""Fetching images in the background: a few in parallel, and each image once for all jobs that wait for it."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from pfcon.background import run_in_background
from pfcon.compute.base import ComputeEngine
from pfcon.compute.stopping import Stop
from pfcon.errors import Conflict
from pfcon.jobs.about import of_spec
from pfcon.models import JobSpec, RunDetails
from pfcon.records import Record
from pfcon.service_log import working_on

log = logging.getLogger(__name__)

MAX_PARALLEL = 4  # images that one process fetches; an engine fetches the layers of each in parallel
CHECK_INTERVAL = 1.0  # seconds between two checks whether the jobs still need their images
NOTES_PER_CHECK = 20  # jobs whose message one check updates; more jobs take turns


class _Waiting(NamedTuple):
    """A job that waits since then, and the contexts to leave when it no longer waits."""

    record: Record
    spec: JobSpec
    work: ExitStack
    since: datetime


@dataclass
class _Fetch:
    """One image, and the jobs that wait for it. began_at: when it began to be fetched."""

    engine: ComputeEngine
    spec: JobSpec
    message: str
    jobs: list[_Waiting]
    stop: Stop = field(default_factory=Stop)
    began_at: datetime | None = None

    def record_of(self, job: _Waiting) -> Record:
        """Return the record of a job; once it is placed, with that time: the earliest that any process has noted."""
        if self.began_at is None or self.engine.has_queue:
            return job.record
        placed = RunDetails(placed_at=max(self.began_at, job.since))
        return replace(job.record, details=job.record.details.updated(placed))


class Fetches:
    """A queue of images to fetch. At most MAX_PARALLEL threads fetch, and one checks them; no threads if it is empty.

    note: sets a job's message, and when it was placed; returns False if the job has ended. done: continues a job, with
    the error of the fetch, or None after success; what it raises is logged. keep_live: a context that is entered for a
    job in ``add`` and left when the job is done or has ended. Thread-safe.
    """

    def __init__(
        self,
        note: Callable[[Record, str], bool],
        done: Callable[[Record, JobSpec, Exception | None], None],
        keep_live: Callable[[Record], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        self._note = note
        self._done = done
        self._keep_live = keep_live
        self._lock = threading.Lock()
        self._waiting: dict[tuple[int, str], _Fetch] = {}
        self._running: dict[tuple[int, str], _Fetch] = {}
        self._monitoring = False
        self._turn = 0

    def add(self, engine: ComputeEngine, record: Record, spec: JobSpec) -> None:
        """Add the job's image to the queue, or the job to the queued fetch of the same image."""
        key = (id(engine), spec.image)
        work = ExitStack()
        work.enter_context(self._keep_live(record))
        job = _Waiting(record, spec, work, datetime.now(UTC))
        with self._lock:
            existing = self._running.get(key) or self._waiting.get(key)
            if existing and not existing.stop.is_set():
                existing.jobs.append(job)
            else:
                self._waiting[key] = _Fetch(engine, spec, "", [job])
            self._begin()
            if not self._monitoring:
                run_in_background("monitor image fetches", self._monitor)
                self._monitoring = True

    def _begin(self) -> None:
        """Start as many waiting fetches as MAX_PARALLEL allows. The caller must hold the lock."""
        for key in [key for key in self._waiting if key not in self._running][: MAX_PARALLEL - len(self._running)]:
            fetch = self._running[key] = self._waiting.pop(key)
            try:
                run_in_background(f"fetch {key[1]}", lambda key=key, fetch=fetch: self._run(key, fetch))  # type: ignore[misc]
            except RuntimeError:  # no more threads now: recovery finds the jobs abandoned, and adds them again
                del self._running[key]
                for job in fetch.jobs:
                    job.work.close()
                raise

    def _run(self, key: tuple[int, str], fetch: _Fetch) -> None:
        fault: Exception | None = None
        fetch.began_at = datetime.now(UTC)
        try:
            fetch.engine.prepare(fetch.spec, lambda text: self._report(fetch, text), fetch.stop)
        except Exception as error:  # noqa: BLE001 - it is passed to each job
            fault = error
        while True:
            with self._lock:
                if not fetch.jobs:
                    del self._running[key]
                    self._begin()
                    return
                job = fetch.jobs.pop(0)
            try:
                with job.work, working_on(of_spec(job.spec)):
                    self._done(fetch.record_of(job), job.spec, fault)
            except Exception as error:  # noqa: BLE001 - the other jobs are next; recovery continues this one
                log.warning(
                    "job %s: the result of its image fetch can't be recorded yet: %s",
                    job.spec.name,
                    error,
                    extra=of_spec(job.spec),
                )

    def _report(self, fetch: _Fetch, text: str) -> None:
        fetch.message = text
        if fetch.stop.is_set():
            raise Conflict("no job waits for the image any more")

    def _monitor(self) -> None:
        while True:
            time.sleep(CHECK_INTERVAL)
            with self._lock:
                if not self._running and not self._waiting:
                    self._monitoring = False
                    return
                running = [(fetch, fetch.message) for fetch in self._running.values()]
                before = len(running)
                waiting = [
                    (fetch, f"waits for {before + number} other image fetches")
                    for number, fetch in enumerate(self._waiting.values())
                ]
                jobs = [(fetch, text, job) for fetch, text in (*running, *waiting) for job in fetch.jobs]
            for number in range(min(NOTES_PER_CHECK, len(jobs))):
                fetch, text, job = jobs[(self._turn + number) % len(jobs)]
                self._update(fetch, text, job)
            self._turn += NOTES_PER_CHECK
            self._end_unwanted()

    def _update(self, fetch: _Fetch, text: str, job: _Waiting) -> None:
        try:
            wanted = self._note(fetch.record_of(job), text or f"fetching image {job.spec.image}")
        except Exception as error:  # noqa: BLE001 - the records may not be available; the next check tries again
            log.warning("job %s: its progress can't be recorded: %s", job.spec.name, error, extra=of_spec(job.spec))
            return
        if not wanted:
            with self._lock:
                fetch.jobs = [other for other in fetch.jobs if other is not job]
            job.work.close()

    def _end_unwanted(self) -> None:
        """Stop or discard the fetches for which no job waits any more."""
        with self._lock:
            for key in [key for key, fetch in self._waiting.items() if not fetch.jobs]:
                del self._waiting[key]
            unwanted = [fetch for fetch in self._running.values() if not fetch.jobs]
            for fetch in unwanted:
                fetch.stop.set()
