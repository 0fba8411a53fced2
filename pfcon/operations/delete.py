"""A delete job: empties a job's directory, which pfcon then deletes."""

import os
from pathlib import Path

from pfcon.errors import Unreachable
from pfcon.files.attributes import unlock
from pfcon.files.faults import is_full
from pfcon.files.removal import NotRemovedError, remove_entry
from pfcon.files.walk import open_directory
from pfcon.models import JobKind
from pfcon.operations.reporter import Reporter
from pfcon.paths import JobDir
from pfcon.progress import is_progress_file


def delete(job: JobDir, reporter: Reporter, _secret: Path | None = None) -> None:
    """Delete everything in a job's directory, except this operation's own progress file. Needs no credentials.

    Deletes nothing outside of the job's directory: see ``remove_tree``. Raises PfconError, OSError.
    """
    directory = open_directory(job.path)
    try:
        unlock(directory)
        _empty(directory, reporter)
    finally:
        os.close(directory)


def _empty(directory: int, reporter: Reporter) -> None:
    count, before = 0, -1

    def report(removed: int) -> None:
        reporter.progress(_summary(count + removed))

    reporter.progress(
        _summary(0)
    )  # this also replaces whatever the job may have written at the path of the progress file
    while count != before:  # some file systems skip names in a listing while other names are removed
        before = count
        with os.scandir(directory) as entries:
            for entry in entries:
                if is_progress_file(entry.name, JobKind.DELETE) and entry.is_file(follow_symlinks=False):
                    continue
                try:
                    count += remove_entry(directory, entry.name, report)
                except NotRemovedError as error:
                    raise Unreachable(f"{_summary(count + error.removed)}; {error}") from None
    try:
        reporter.done(_summary(count), nfiles=0)
    except OSError as fault:  # the disk is full again, by other programs; the deletion is complete
        if not is_full(fault):
            raise


def _summary(count: int) -> str:
    return f"deleted {count} files and directories"
