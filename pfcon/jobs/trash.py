"""Deleting a job's data: out of sight at once, off the disk in the background."""

import errno
import logging
import os
from pathlib import Path

from pfcon.background import REMOVALS
from pfcon.errors import PfconError
from pfcon.files.removal import NotRemovedError, remove_tree
from pfcon.paths import JobDir, StoreBase

log = logging.getLogger(__name__)


_STAYS: set[Path] = set()  # what could not be removed


def discard(job: JobDir) -> bool:
    """Make a job's directory vanish; its files are removed in the background.

    False when there was none. A service that dies meanwhile leaves the rest in the trash, which ``sweep`` empties
    at the next start. On a full disk, where there may be no room for another name in the trash, the files are removed
    before this returns. Raises OSError.
    """
    try:
        grave = job.discard()
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _remove(job.path)
        if os.path.lexists(job.path):
            raise
        return True
    if grave is None:
        return False
    REMOVALS.add(f"remove {job.name}", lambda: _remove(grave))
    return True


def sweep(storebase: StoreBase) -> None:
    """Remove in the background what earlier services left in the trash. Raises OSError."""
    leftovers = list(storebase.trash.iterdir())
    if leftovers:
        REMOVALS.add("empty the trash", lambda: _remove(*leftovers))


def remove_remains(job: JobDir) -> str:
    """Remove what a delete operation leaves: the job's directory with the operation's own files.

    An empty text, or what stands in the way.
    """
    try:
        remove_tree(job.path)
    except (OSError, PfconError, NotRemovedError) as error:
        return str(error)
    return ""


def retry() -> None:
    """Try again in the background what this process could not remove: somebody may have written there meanwhile."""
    if paths := _STAYS.copy():
        REMOVALS.add("remove what stays in the trash", lambda: _remove(*paths))


def _remove(*paths: Path) -> None:
    for path in paths:
        try:
            remove_tree(path)
        except (OSError, PfconError, NotRemovedError) as error:
            if path not in _STAYS:  # files of another user, perhaps: an administrator has to know
                log.warning("%s can't be removed now; it is tried again: %s", path, error)
            _STAYS.add(path)
        else:
            _STAYS.discard(path)
