"""A mark that a process writes to storeBase, to check whether the directory that an engine mounts is storeBase.

Some engines create a missing directory: a job would run with empty inputs, and its outputs would be lost. So the
directory that they mount must contain the mark.
"""

import contextlib
import os
import shutil
import time
import uuid
from pathlib import Path, PurePosixPath

from pfcon.errors import StorageFull, Unreachable
from pfcon.files.faults import is_full
from pfcon.paths import MARKS_NAME

HERE = "here"
_KEPT = 8 * 24 * 3600.0  # seconds; a job may wait a week until its directories are mounted


class StoreMark:
    """The mark of one process. root: the path of storeBase in this process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._source = PurePosixPath(MARKS_NAME, uuid.uuid4().hex)

    def source(self) -> PurePosixPath:
        """Return the path, relative to storeBase, of a directory that contains only a directory ``HERE``. Creates it.

        Raises StorageFull, and Unreachable if storeBase can't be written.
        """
        path = self._root / self._source
        try:
            if not (path / HERE).is_dir():
                self._sweep()
                (path / HERE).mkdir(parents=True, exist_ok=True)
                for made in (path.parent, path, path / HERE):  # independent of the umask
                    with contextlib.suppress(PermissionError):  # the first one belongs to the user of another service
                        made.chmod(0o755)
            os.utime(path)
        except OSError as fault:
            if is_full(fault):
                raise StorageFull(f"storeBase has no room: {fault.strerror}") from fault
            raise Unreachable(f"storeBase can't be written: {fault.strerror or fault}") from fault
        return self._source

    def _sweep(self) -> None:
        """Remove the marks of processes that ended long ago."""
        with contextlib.suppress(OSError):
            for path in (self._root / MARKS_NAME).iterdir():
                if time.time() - path.stat().st_mtime > _KEPT:
                    shutil.rmtree(path, ignore_errors=True)
