"""The files that Cromwell's tasks leave on the shared file system: their logs are read here, and they are removed.

Cromwell names them as it sees them, which has to be below STOREBASE. A job may write to its own execution directory, so
no symbolic link below storeBase is followed, and nothing but a regular file is read.
"""

import contextlib
import os
from pathlib import PurePosixPath

from pfcon.compute.log import clean_log, tail
from pfcon.errors import Absent, Refused
from pfcon.files.removal import remove_tree
from pfcon.files.walk import open_directory, open_regular
from pfcon.paths import StoreBase

LOG_BYTES = 1024 * 1024
ERROR_BYTES, ERROR_LINES = 64 * 1024, 100  # of what the script, the container runtime and the scheduler have to say


class TaskFiles:
    """Reads and removes. ``root``: storeBase as Cromwell sees it."""

    def __init__(self, storebase: StoreBase, root: PurePosixPath) -> None:
        self._storebase = storebase
        self._root = root

    def _below(self, path: str) -> PurePosixPath:
        """A path of Cromwell's relative to storeBase. Raises Refused for one that is elsewhere."""
        below = PurePosixPath(path)
        if not below.is_relative_to(self._root) or ".." in below.parts:
            raise Refused(
                f"Cromwell keeps a job's files at {path}, which is not below STOREBASE={self._root}: set the root of "
                "its backend as docs/engines/cromwell.md says"
            )
        return below.relative_to(self._root)

    def tail(self, path: str, lines: int, most: int) -> bytes:
        """Return the last lines of a file, at most ``most`` bytes; empty if missing. Raises Refused, OSError."""
        below = self._below(path)
        try:
            directory = open_directory(self._storebase.root, str(below.parent))
        except Absent:
            return b""
        try:
            file = open_regular(directory, below.name)
            if file is None:
                return b""
            try:
                return tail(file, lines, most)
            finally:
                os.close(file)
        finally:
            os.close(directory)

    def log(self, stdout: str, stderr: str, lines: int) -> str:
        """The end of a task's log: stdout, in which the job's own stderr is, then what its surroundings said.

        When they said it can't be known: Cromwell keeps the two apart. Raises Refused, OSError.
        """
        said = self.tail(stderr, min(lines, ERROR_LINES), ERROR_BYTES) if stderr else b""
        wrote = self.tail(stdout, lines - said.count(b"\n"), LOG_BYTES - len(said)) if stdout else b""
        if said and wrote and not wrote.endswith(b"\n"):
            wrote += b"\n"
        text = clean_log(wrote + said).encode()  # what is no text has grown
        return text[-LOG_BYTES:].decode("utf-8", "ignore")

    def remove_script(self, stdout: str) -> None:
        """Remove the script of a task that has ended: the job's environment is in it. Idempotent.

        stdout: where the task wrote that, beside its script. Raises Refused, OSError.
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
        """Remove the directory of a workflow; no-op without one. Raises Refused, OSError and what remove_tree does."""
        below = self._below(path)
        if below.name != workflow:
            raise Refused(f"Cromwell calls {path} the directory of workflow {workflow}; it is left alone")
        try:
            os.close(open_directory(self._storebase.root, str(below)))
        except Absent:
            return
        remove_tree(self._storebase.root / below)
