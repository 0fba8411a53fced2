"""Uploads a job's outputs: every file of its ``outgoing`` is stored as the object of its path below a prefix.

A repeated upload sends only what the store does not have yet: objects are compared by size and MD5. Other objects below
the prefix are kept. Memory use is bounded: it does not grow with the number of files, their sizes, or existing objects.
"""

import os
from collections.abc import Callable, Generator
from functools import partial
from threading import Lock

from pfcon.errors import Refused
from pfcon.files.unreadable import find_unreadable
from pfcon.files.walk import FileWalk, TreeFile, open_regular
from pfcon.links.budget import Notes
from pfcon.paths import JobDir
from pfcon.storage.base import Delivered
from pfcon.storage.innetwork import path_text
from pfcon.storage.objects.concurrency import ConcurrencyLimit
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import ObjectStore
from pfcon.storage.objects.upload.existing import ExistingObject, ExistingObjects
from pfcon.storage.objects.upload.output_file import FileInParts, OutputFile, Sender
from pfcon.storage.objects.upload.parts import choose_part_size
from pfcon.units import human_bytes
from pfcon.workers import WorkerPool

THREADS = 16  # requests in parallel; a store that is 20 ms away needs them
NAME_MAX = 1024  # bytes of an object's name: Swift's default and S3's limit
LISTING = "upload.listing"  # in the job's directory

Task = Callable[[], None]


def upload(store: ObjectStore, job: JobDir, prefix: str, report: Callable[[str], None]) -> Delivered:
    """Upload the outputs of a job below a prefix, which has no ``/`` at its end. Idempotent.

    One process at a time may upload a job's outputs. ``report`` is called with texts of progress. Raises Absent if the
    job has no outputs, Conflict before anything is sent if some can't be read, Refused for a file that is being changed
    or that the store does not accept, UnreadableTreeError, Unreachable, OSError.
    """
    find_unreadable(job.path, job.outgoing.name).require_none()
    retrying = Retrying(report=report)
    with FileWalk(job.path, job.outgoing.name) as walk, ExistingObjects(job.path / LISTING) as existing:
        retrying.call(f"listing {prefix!r} in {store.place}", lambda: _list(store, prefix, existing, retrying, report))
        run = _Upload(store, job, prefix, existing, retrying)
        return run.run(walk, report)


def _list(
    store: ObjectStore, prefix: str, existing: ExistingObjects, retrying: Retrying, report: Callable[[str], None]
) -> None:
    """Add all objects below the prefix to ``existing``; one request for most uploads."""
    found = 0
    for page in store.pages(prefix + "/"):
        retrying.check()
        existing.add(page)
        found += len(page)
        report(f"listing existing objects: {found} below {prefix!r}")


class _Upload:
    """One upload. Its threads take tasks from one queue; a task is a small file, or a part of a large one."""

    def __init__(
        self, store: ObjectStore, job: JobDir, prefix: str, existing: ExistingObjects, retrying: Retrying
    ) -> None:
        self._outgoing, self._prefix, self._existing, self._retrying = job.outgoing, prefix, existing, retrying
        self._limits = retrying.call(store.place, store.limits)
        self._sender = Sender(store, retrying)
        self._limit = ConcurrencyLimit()
        self._taking, self._counting = Lock(), Lock()
        self._open_files: dict[OutputFile, FileInParts | None] = {}
        self._nfiles = self._nbytes = self._nsent = self._bytes_sent = 0
        self._notes = Notes()

    def run(self, walk: FileWalk, report: Callable[[str], None]) -> Delivered:
        """Upload all files of the walk; return what was done. Raises what ``upload`` raises."""
        tasks = self._tasks(walk)
        crew = WorkerPool("upload", THREADS, on_stop=self._retrying.stop)
        try:
            crew.run(lambda: self._work(tasks), lambda: report(self._progress_text()), threads=THREADS)
        finally:
            tasks.close()
            for file, whole in self._open_files.items():
                if whole is not None:
                    whole.abandon_if_changed()
                file.close()
        return Delivered(self._nfiles, self._nbytes, self._nsent, self._notes.lines())

    def _progress_text(self) -> str:
        return (
            f"uploading outputs: {self._nfiles} files, {human_bytes(self._bytes_sent)} sent;"
            f" {self._nfiles - self._nsent} files already existed"
        )

    def _work(self, tasks: Generator[Task, None, None]) -> None:
        while (task := self._next(tasks)) is not None:
            task()

    def _next(self, tasks: Generator[Task, None, None]) -> Task | None:
        with self._taking:
            return next(tasks, None)

    def _tasks(self, walk: FileWalk) -> Generator[Task, None, None]:
        for found in walk:
            self._retrying.check()
            file = self._open(found)
            if file is None:
                self._notes.add(f"left out {found.path!r}: it was deleted before it was uploaded")
                continue
            self._open_files[file] = None  # until its last task has ended
            known = self._existing.get(file.name)
            try:
                parts = choose_part_size(file.size, self._limits)
            except Refused as fault:
                raise Refused(f"output file {file.path!r}: {fault}") from None
            if parts is None:
                yield partial(self._send_whole, file, known)
            elif known is not None and self._sender.has(file):
                self._done(file, sent=False)
            else:
                yield from self._send_in_parts(file, parts)

    def _open(self, found: TreeFile) -> OutputFile | None:
        """Open a file of the walk; None if it does not exist any more. Raises Refused."""
        text = path_text(found.path)
        name = f"{self._prefix}/{text}"
        if len(name.encode()) > NAME_MAX:
            raise Refused(f"output file {text!r}: the name of its object would be longer than {NAME_MAX} bytes")
        if text != found.path and os.path.lexists(self._outgoing / text):
            raise Refused(f"two output files would get the same name {text!r}: one of them is not valid UTF-8")
        try:
            descriptor = open_regular(found.dir_fd, found.name)
        except PermissionError as fault:
            raise Refused(f"output file {text!r} can't be read: {fault.strerror}") from None
        return None if descriptor is None else OutputFile(descriptor, text, name)

    def _send_whole(self, file: OutputFile, known: ExistingObject | None) -> None:
        sent = self._sender.send_whole(file, known)
        self._count(file.size if sent else 0)
        self._done(file, sent=sent)

    def _send_in_parts(self, file: OutputFile, size: int) -> Generator[Task, None, None]:
        self._open_files[file] = whole = self._sender.begin(file, size)

        def send(number: int) -> None:
            try:
                nbytes, finished = whole.send(number)
            finally:
                self._limit.end()
            self._count(nbytes)
            if finished:
                self._done(file, sent=True)

        for number in whole.numbers:
            self._limit.begin()
            yield partial(send, number)

    def _count(self, nbytes: int) -> None:
        with self._counting:
            self._bytes_sent += nbytes

    def _done(self, file: OutputFile, *, sent: bool) -> None:
        with self._counting:
            self._nfiles += 1
            self._nbytes += file.size
            self._nsent += sent
            del self._open_files[file]
        file.close()
