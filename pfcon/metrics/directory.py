"""The directory in which the processes of a service share their numbers. Imports nothing of prometheus_client."""

import atexit
import contextlib
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path

from pfcon.files.flags import LOCK
from pfcon.files.locks import try_lock

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported
PREFIX = "pfcon-metrics-"
log = logging.getLogger(__name__)
_LOCK = "lock"  # held by all processes of the service, until the last of them has ended
_MAKING = 60.0  # seconds; a younger directory may just be made


def make_directory() -> None:
    """Make an empty directory for this service, deleted when this process ends. Call it once, before any fork.

    Those of services that were killed are deleted, too.

    An administrator's own value of VARIABLE is not used: with numbers of other processes in it, ours would be wrong.
    Without room for a directory there is none, and each process has its own numbers.
    """
    os.environ.pop(VARIABLE, None)
    try:
        parent = Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())  # noqa: S108 - in memory
        remove_abandoned(parent)
        directory = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        descriptor = os.open(Path(directory, _LOCK), LOCK, 0o600)
    except OSError as fault:
        log.warning("the metrics of several processes can't be added: no directory for them: %s", fault.strerror)
        return
    try_lock(descriptor)  # stays open, so it is locked as long as a process of the service lives
    os.environ[VARIABLE] = directory
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in a process that was forked
            shutil.rmtree(directory, ignore_errors=True)

    atexit.register(remove)


def remove_abandoned(parent: Path) -> None:
    """Remove the directories of services of this user that have ended without removing them."""
    for found in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another service's, or another one removes it
            if _is_abandoned(found):
                shutil.rmtree(found)


def _is_abandoned(directory: Path) -> bool:
    """Whether no process holds its lock. Raises OSError."""
    made = directory.lstat()
    if made.st_uid != os.geteuid() or time.time() - made.st_mtime < _MAKING:
        return False
    descriptor = os.open(directory / _LOCK, LOCK, 0o600)
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)
