"""Deleting a job's data: out of sight immediately, off the disk in the background."""

import logging
import os
from pathlib import Path

from pfcon.background import REMOVALS
from pfcon.errors import PfconError
from pfcon.files.faults import is_full
from pfcon.files.removal import NotRemovedError, remove_tree
from pfcon.paths import JobDir, StoreBase

log = logging.getLogger(__name__)


_UNDELETED: set[Path] = set()  # in the trash: what could not be deleted yet


def delete_data(job: JobDir) -> bool:
    """Delete a job's directory: it is renamed into the trash, and its files are deleted in the background.

    False when there was none. A service that dies meanwhile leaves the rest in the trash, which ``delete_leftovers``
    empties at the next start. On a full disk, where there may be no room for another name in the trash, the files are
    deleted before this returns. Raises OSError.
    """
    try:
        trashed = job.move_to_trash()
    except OSError as fault:
        if not is_full(fault):
            raise
        _delete(job.path)
        if os.path.lexists(job.path):
            raise
        return True
    if trashed is None:
        return False
    REMOVALS.add(f"remove {job.name}", lambda: _delete(trashed))
    return True


def delete_leftovers(storebase: StoreBase) -> None:
    """Delete in the background what earlier services left in the trash. Raises OSError."""
    leftovers = list(storebase.trash.iterdir())
    if leftovers:
        REMOVALS.add("empty the trash", lambda: _delete(*leftovers))


def delete_remains(job: JobDir) -> str:
    """Delete what a delete operation leaves: the job's directory with the operation's own files.

    Returns the fault; an empty text after success.
    """
    try:
        remove_tree(job.path)
    except (OSError, PfconError, NotRemovedError) as error:
        return str(error)
    return ""


def retry() -> None:
    """Try again in the background to delete what this process could not: somebody may have written there meanwhile."""
    if paths := _UNDELETED.copy():
        REMOVALS.add("remove what stays in the trash", lambda: _delete(*paths))


def _delete(*paths: Path) -> None:
    for path in paths:
        try:
            remove_tree(path)
        except (OSError, PfconError, NotRemovedError) as error:
            if path not in _UNDELETED:  # files of another user, perhaps: an administrator has to know
                log.warning("%s can't be removed now; it is tried again: %s", path, error)
            _UNDELETED.add(path)
        else:
            _UNDELETED.discard(path)
