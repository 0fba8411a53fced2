"""Reads and removes the files that Cromwell's tasks write to the shared file system: logs and scripts.

Cromwell reports their paths on the compute nodes, which must be below STOREBASE. A job can write to its own execution
directory, so symbolic links below storeBase are not followed, and only regular files are read.
"""

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from pfcon.compute.kept_log import Stretch
from pfcon.compute.log import clean_log, tail
from pfcon.compute.log_copy import FileSource
from pfcon.errors import Absent, Refused
from pfcon.files.removal import remove_tree
from pfcon.files.walk import open_directory, open_regular
from pfcon.paths import StoreBase

LOG_BYTES = 1024 * 1024
ERROR_BYTES, ERROR_LINES = 64 * 1024, 100  # of messages of the script, the container runtime and the scheduler


class TaskFiles:
    """The files of tasks. ``root``: the path of storeBase for Cromwell."""

    def __init__(self, storebase: StoreBase, root: PurePosixPath) -> None:
        self._storebase = storebase
        self._root = root

    def _below(self, path: str) -> PurePosixPath:
        """Return a path from Cromwell relative to storeBase. Raises Refused for a path outside of storeBase."""
        below = PurePosixPath(path)
        if not below.is_relative_to(self._root) or ".." in below.parts:
            raise Refused(
                f"Cromwell keeps a job's files at {path}, which is not below STOREBASE={self._root}: set the root of "
                "its backend as in docs/engines/cromwell.md"
            )
        return below.relative_to(self._root)

    def tail(self, path: str, lines: int, most: int) -> bytes:
        """Return the last lines of a file, at most ``most`` bytes; empty if missing. Raises Refused, OSError."""
        with self._open(path) as file:
            return b"" if file is None else tail(file, lines, most)

    @contextlib.contextmanager
    def _open(self, path: str) -> Iterator[int | None]:
        below = self._below(path)
        with contextlib.ExitStack() as stack:
            file = None
            with contextlib.suppress(Absent):
                directory = open_directory(self._storebase.root, str(below.parent))
                stack.callback(os.close, directory)
                file = open_regular(directory, below.name)
            if file is not None:
                stack.callback(os.close, file)
            yield file

    def sources(self, *paths: str) -> list[FileSource]:
        """Return logs in files, without those of an empty path. Reading them raises Refused, OSError."""
        return [FileSource(path, partial(self.read_at, path)) for path in paths if path]

    def read_at(self, path: str, offset: int, most: int) -> Stretch:
        """Return bytes of a file from an offset; none if it is missing. Raises Refused, OSError."""
        with self._open(path) as file:
            if file is None:
                return Stretch(offset, b"", offset)
            return Stretch(offset, os.pread(file, most, offset), os.fstat(file).st_size)

    def log(self, stdout: str, stderr: str, lines: int) -> str:
        """Return the end of a task's log: the job's own output, then the messages of its runtime and scheduler.

        The order of the two is unknown, because Cromwell has a file for each. Raises Refused, OSError.
        """
        said = self.tail(stderr, min(lines, ERROR_LINES), ERROR_BYTES) if stderr else b""
        wrote = self.tail(stdout, lines - said.count(b"\n"), LOG_BYTES - len(said)) if stdout else b""
        if said and wrote and not wrote.endswith(b"\n"):
            wrote += b"\n"
        text = clean_log(wrote + said).encode()  # replaced invalid bytes have become longer
        return text[-LOG_BYTES:].decode("utf-8", "ignore")

    def remove_script(self, stdout: str) -> None:
        """Remove the script of a task that has ended, because it contains the job's environment. Idempotent.

        stdout: the path of the task's stdout, which is in the same directory. Raises Refused, OSError.
        """
        below = self._below(stdout)
        try:
            directory = open_directory(self._storebase.root, str(below.parent))
        except Absent:
            return
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink("script", dir_fd=directory)
        finally:
            os.close(directory)

    def remove(self, workflow: str, path: str) -> None:
        """Remove the directory of a workflow; no-op if missing. Raises Refused, OSError and what remove_tree raises."""
        below = self._below(path)
        if below.name != workflow:
            raise Refused(f"Cromwell reports {path} as the directory of workflow {workflow}; it is not removed")
        try:
            os.close(open_directory(self._storebase.root, str(below)))
        except Absent:
            return
        remove_tree(self._storebase.root / below)
