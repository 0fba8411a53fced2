"""Copies a stream of StagedItems in parallel, in bounded memory, and reuses the files of earlier attempts.

Each attempt copies to a new directory of its own. A file that an earlier attempt has completed (its size and mtime are
those of the original) is moved to that directory instead of being copied again. So a complete tree contains the current
inputs, even if they were changed between attempts, and only complete files of attempts that were killed.
"""

import itertools
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pfcon.errors import StorageFull
from pfcon.files.faults import free_bytes, is_full
from pfcon.files.flags import CREATE, READ
from pfcon.links import StagedItem
from pfcon.links.budget import Notes
from pfcon.storage.attempts import DiskQuota
from pfcon.storage.copy_file import FileCopier
from pfcon.storage.posix import MISSING_ERRORS, Directories, unreadable
from pfcon.storage.staging_dirs import StagingDirs
from pfcon.units import human_bytes
from pfcon.workers import WorkerPool

BATCH_FILES = 64  # most files that a thread takes at a time
BATCH_SECONDS = 0.02  # a thread takes fewer files the next time if a batch took longer
MAX_THREADS = 8  # for distant storages; a near one keeps at most two threads busy


class TreeCopy:
    """One attempt. ``files`` and ``nbytes``: of all staged files; ``kept``: staged files of earlier attempts.

    source: the storage root. target: an empty directory; no other process may write to it. earlier: the directories of
    earlier attempts. notes: get the files that were deleted during the copy.
    """

    copier = FileCopier

    def __init__(self, source: Path, target: Path, earlier: list[Path], quota: DiskQuota, notes: Notes) -> None:
        self.source, self.target, self.earlier, self.quota, self.notes = source, target, earlier, quota, notes
        self.files = self.nbytes = self.kept = 0
        self.copied_now = 0  # bytes of files that are being copied
        self.lock, self.listing = threading.Lock(), threading.Lock()
        self.workers = WorkerPool("copy", MAX_THREADS)
        self.masked = stat.S_IMODE(os.stat(target).st_mode) & 0o755 != 0o755  # by the process's umask
        os.chmod(target, 0o755)  # noqa: S103 - jobs of other users read it

    def run(
        self, items: Iterator[StagedItem], report: Callable[[str], None], *, every: float = 1, threads: int = 0
    ) -> None:
        """Copy all items; ``report`` is called every ``every`` seconds. Copied files are kept after an error.

        threads: their number; 0: see ``WorkerPool.run``. They take turns to read ``items``.

        Raises what ``items`` raises, Refused for a file that can't be read or keeps changing, StorageFull, OSError for
        storeBase's own faults.
        """
        self.workers.run(lambda: self._work(items), lambda: report(self.progress()), every=every, threads=threads)

    def progress(self) -> str:
        """Return a line about the progress. The total is unknown while the inputs are being listed."""
        return f"copying inputs: {self.files} files, {human_bytes(self.nbytes + self.copied_now)}"

    def _work(self, items: Iterator[StagedItem]) -> None:
        many = 1
        try:
            with _Worker(self) as worker:
                while True:
                    used, began = time.thread_time(), time.monotonic()
                    with self.listing:
                        batch = list(itertools.islice(items, many))
                    if not batch:
                        return
                    worker.copy(batch)
                    fast = time.monotonic() - began < BATCH_SECONDS
                    many = min(2 * many, BATCH_FILES) if fast else max(many // 2, 1)
                    self.workers.add_cpu_time(time.thread_time() - used)
        except OSError as fault:
            if is_full(fault):
                raise self._disk_full() from fault
            raise

    def _disk_full(self) -> StorageFull:
        free = human_bytes(free_bytes(self.target))
        return StorageFull(f"the disk is full: {human_bytes(self.nbytes)} of the inputs are copied, {free} are free")


class _Worker:
    """Copies for one thread; has the thread's open directories of the storage, of this attempt and of earlier ones."""

    def __init__(self, run: TreeCopy) -> None:
        self.run = run
        self.sources = Directories(run.source)
        self.staging_dirs = StagingDirs(run.target, run.earlier, masked=run.masked)
        self.copier = run.copier(self._step, run.quota.take)
        self.in_flight = 0  # bytes copied of the current file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.staging_dirs.__exit__(kind, error, trace)
        self.sources.close()

    def copy(self, batch: list[StagedItem]) -> None:
        """Copy a batch, then count it."""
        files = nbytes = kept = 0
        for item in batch:
            self.run.workers.check()
            above, _, name = (item.path, "", "") if item.is_dir else item.path.rpartition("/")
            self.staging_dirs.enter(above)
            if item.is_dir:
                continue
            size, was_kept = self._file(item.source, name)
            files, nbytes, kept = files + (size >= 0), nbytes + max(size, 0), kept + was_kept
        with self.run.lock:
            self.run.files += files
            self.run.nbytes += nbytes
            self.run.kept += kept

    def _file(self, source: str, name: str) -> tuple[int, bool]:
        """Copy one file. Return its size in bytes (-1: it was deleted) and whether an earlier attempt has copied it."""
        parent, _, source_name = source.rpartition("/")
        try:
            fd = os.open(source_name, READ, dir_fd=self.sources.open(parent))
        except OSError as fault:
            if fault.errno in MISSING_ERRORS:
                return self._note_vanished(source)
            raise unreadable(source, fault) from fault
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                return self._note_vanished(source)
            if self.staging_dirs.earlier and self._kept(name, found):
                return found.st_size, True
            made = os.open(name, CREATE, 0o644, dir_fd=self.staging_dirs.target)
            try:
                if self.run.masked:
                    os.fchmod(made, 0o644)
                return self.copier.copy(fd, found, made, source), False
            finally:
                os.close(made)
        finally:
            os.close(fd)
            if self.in_flight:
                with self.run.lock:
                    self.run.copied_now -= self.in_flight
                self.in_flight = 0

    def _note_vanished(self, source: str) -> tuple[int, bool]:
        self.run.notes.add(f"left out {source!r}: it was deleted while the inputs were copied")
        return -1, False

    def _kept(self, name: str, found: os.stat_result) -> bool:
        for old in self.staging_dirs.earlier:
            try:
                copied = os.stat(name, dir_fd=old, follow_symlinks=False)
            except FileNotFoundError:
                continue
            same = (copied.st_size, copied.st_mtime_ns) == (found.st_size, found.st_mtime_ns)
            if same and stat.S_ISREG(copied.st_mode):
                os.rename(name, name, src_dir_fd=old, dst_dir_fd=self.staging_dirs.target)
                return True
        return False

    def _step(self, size: int) -> None:
        self.in_flight += size
        with self.run.lock:
            self.run.copied_now += size
        self.run.workers.check()
