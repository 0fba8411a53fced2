"""A delete job: empties a job's directory, which pfcon then removes."""

import os

from pfcon.errors import Unreachable
from pfcon.models import JobKind
from pfcon.operations.teller import Teller
from pfcon.paths import JobDir
from pfcon.progress import is_progress_file
from pfcon.tree import NotRemovedError, remove_tree


def delete(job: JobDir, teller: Teller) -> None:
    """Remove all that a job has, but for this operation's own progress.

    Never leaves the job's directory: see ``remove_tree``. Raises PfconError, OSError.
    """
    count = 0

    def report(removed: int) -> None:
        teller.progress(_told(count + removed))

    for name in os.listdir(job.path):
        if is_progress_file(name, JobKind.DELETE):
            continue
        try:
            count += remove_tree(job.path / name, report)
        except NotRemovedError as error:
            raise Unreachable(f"{_told(count + error.removed)}; {error}") from None
    teller.done(_told(count), nfiles=0)


def _told(count: int) -> str:
    return f"deleted {count} files and directories"
