"""A mark that a process leaves in storeBase, by which to tell whether what an engine mounts is that directory.

Some engines make a directory that is missing where they look for it: a job would run on empty inputs, and its outputs
would be lost. So what they mount has to hold what was left here.
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
_KEPT = 8 * 24 * 3600.0  # seconds; a job may wait for a week until its mounts are made


class StoreMark:
    """The mark of one process. root: storeBase as this process sees it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._source = PurePosixPath(MARKS_NAME, uuid.uuid4().hex)

    def source(self) -> PurePosixPath:
        """A directory, relative to storeBase, that holds a directory ``HERE`` and nothing else; it is made here.

        Raises StorageFull, and Unreachable where storeBase can't be written.
        """
        path = self._root / self._source
        try:
            if not (path / HERE).is_dir():
                self._sweep()
                (path / HERE).mkdir(parents=True, exist_ok=True)
                for made in (path.parent, path, path / HERE):  # whatever the umask is
                    with contextlib.suppress(PermissionError):  # another service's user has made the first
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
