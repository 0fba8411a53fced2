"""Deleting a job's data: its directory is renamed immediately; its files are deleted in the background."""

import logging
import os
from pathlib import Path

from pfcon.background import REMOVALS
from pfcon.errors import PfconError
from pfcon.files.faults import is_full
from pfcon.files.removal import NotRemovedError, remove_tree
from pfcon.paths import JobDir, StoreBase

log = logging.getLogger(__name__)


_UNDELETED: set[Path] = set()  # paths in the trash that could not be deleted yet


def delete_data(job: JobDir) -> bool:
    """Delete a job's directory: it is renamed into the trash, and its files are deleted in the background.

    Returns whether it existed. If the service dies before that, ``delete_leftovers`` deletes the rest at the next
    start. On a full disk, where a rename may fail, the files are deleted before this returns. Raises OSError.
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
    """Delete in the background what earlier processes have left in the trash. Raises OSError."""
    leftovers = list(storebase.trash.iterdir())
    if leftovers:
        REMOVALS.add("empty the trash", lambda: _delete(*leftovers))


def delete_remains(job: JobDir) -> str:
    """Delete what remains after a delete operation: the job's directory with the operation's own files.

    Returns the text of the error; ``""`` after success.
    """
    try:
        remove_tree(job.path)
    except (OSError, PfconError, NotRemovedError) as error:
        return str(error)
    return ""


def retry() -> None:
    """Retry, in the background, deletions that have failed in this process, as while other programs wrote files."""
    if paths := _UNDELETED.copy():
        REMOVALS.add("retry removals from the trash", lambda: _delete(*paths))


def _delete(*paths: Path) -> None:
    for path in paths:
        try:
            remove_tree(path)
        except (OSError, PfconError, NotRemovedError) as error:
            if path not in _UNDELETED:  # perhaps files of another user: an administrator has to act
                log.warning("%s can't be removed now; will be retried: %s", path, error)
            _UNDELETED.add(path)
        else:
            _UNDELETED.discard(path)
