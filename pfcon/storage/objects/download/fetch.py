"""Fetches a job's inputs from an object store: in parallel, verified, and reusing the files of earlier attempts.

Each object is fetched to a scratch file, which is moved to its place in the tree once its size and its checksum are
verified. So a tree contains complete files only, even if the process is killed; a later attempt fetches what is missing
and verifies the rest again.
"""

import contextlib
from collections.abc import Callable, Iterator

from pfcon.files.removal import NotRemovedError, remove_tree
from pfcon.links.budget import InputsBudget, Notes
from pfcon.links.expansion import Expansion
from pfcon.paths import JobDir
from pfcon.storage.attempts import DiskQuota, staging_attempt
from pfcon.storage.base import Staged
from pfcon.storage.objects.download.run import FetchRun
from pfcon.storage.objects.download.scratch import Scratch
from pfcon.storage.objects.listing.lister import ObjectLister
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import ObjectStore


def fetch(  # noqa: PLR0917 - the inputs of a StagingPlan
    store: ObjectStore,
    inputs: tuple[str, ...],
    output_dir: str,
    job: JobDir,
    reserve: int,
    report: Callable[[str], None],
) -> Staged:
    """Stage objects as a job's inputs, ChRIS links expanded; see StagingPlan. Files have the mode 0644.

    inputs, output_dir: normalized paths, see ``pfcon.links``. reserve: bytes of disk that must stay free. An object
    that is deleted before it is fetched is left out with a note; of one that is replaced, the new version is fetched.
    After an error, fetched files are kept for the next attempt, outside of ``incoming``. Raises Refused, which names
    the object that is the cause if there is one, TooLarge, StorageFull, Unreachable after ``retrying.TIME_LIMIT``
    seconds without success, OSError.
    """
    notes, retrying = Notes(), Retrying(report=report)
    with (
        staging_attempt(job) as (partial, earlier),
        _scratch(job) as scratch,
        ObjectLister(store, retrying, notes) as lister,
        DiskQuota(job.storebase, partial, reserve) as quota,
    ):
        walk = Expansion(lister, InputsBudget(), output_dir)
        run = FetchRun(store, partial, earlier, scratch, quota, notes, retrying)
        run.run(walk.walk(inputs), report)
        job.complete(partial)
    return Staged(run.totals.nfiles, run.totals.nbytes, (*walk.notes.lines(), *notes.lines(), *run.totals.summary()))


@contextlib.contextmanager
def _scratch(job: JobDir) -> Iterator[Scratch]:
    directory = job.new_scratch()
    try:
        with Scratch(directory) as scratch:
            yield scratch
    finally:
        with contextlib.suppress(OSError, NotRemovedError):  # a later attempt removes it
            remove_tree(directory)
