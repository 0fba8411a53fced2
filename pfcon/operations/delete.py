"""A delete job: empties a job's directory, which pfcon then removes."""

import errno
import os

from pfcon.errors import Unreachable
from pfcon.files.attributes import unlock
from pfcon.files.removal import NotRemovedError, remove_entry
from pfcon.files.walk import open_directory
from pfcon.models import JobKind
from pfcon.operations.teller import Teller
from pfcon.paths import JobDir
from pfcon.progress import is_progress_file


def delete(job: JobDir, teller: Teller) -> None:
    """Remove all that a job has, but for this operation's own progress.

    Never leaves the job's directory: see ``remove_tree``. Raises PfconError, OSError.
    """
    directory = open_directory(job.path)
    try:
        unlock(directory)
        _empty(directory, teller)
    finally:
        os.close(directory)


def _empty(directory: int, teller: Teller) -> None:
    count, before = 0, -1

    def report(removed: int) -> None:
        teller.progress(_told(count + removed))

    teller.progress(_told(0))  # now, for it moves aside what a job may have put in its place
    while count != before:  # some file systems skip names in a listing while others are removed
        before = count
        with os.scandir(directory) as entries:
            for entry in entries:
                if is_progress_file(entry.name, JobKind.DELETE) and entry.is_file(follow_symlinks=False):
                    continue
                try:
                    count += remove_entry(directory, entry.name, report)
                except NotRemovedError as error:
                    raise Unreachable(f"{_told(count + error.removed)}; {error}") from None
    try:
        teller.done(_told(count), nfiles=0)
    except OSError as fault:  # others have filled the disk again; what was to be deleted is
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def _told(count: int) -> str:
    return f"deleted {count} files and directories"
