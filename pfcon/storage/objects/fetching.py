"""A job's inputs from an object store: fetched in parallel, verified, and taken over from earlier tries where there.

Each object is fetched to a scratch file, and gets its place in the tree once its size and all else that the store
tells of its bytes have been verified. So a tree holds whole files only, whatever kills a try; a later try fetches what
is missing and verifies the rest anew.
"""

import contextlib
from collections.abc import Callable, Iterator

from pfcon.files.removal import NotRemovedError, remove_tree
from pfcon.links.budget import InputsBudget, Notes
from pfcon.links.expansion import Expansion
from pfcon.paths import JobDir
from pfcon.storage.base import Staged
from pfcon.storage.objects.lister import ObjectLister
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.scratch import Scratch
from pfcon.storage.objects.store import ObjectStore
from pfcon.storage.objects.tree_fetch import TreeFetch
from pfcon.storage.tries import Room, staging_try


def fetch(  # noqa: PLR0917 - what a StagingPlan has to be told
    store: ObjectStore,
    inputs: tuple[str, ...],
    output_dir: str,
    job: JobDir,
    reserve: int,
    report: Callable[[str], None],
) -> Staged:
    """Stage objects as a job's inputs, ChRIS links expanded; see StagingPlan. Files have the mode 0644.

    inputs, output_dir: paths in their normal forms, see ``pfcon.links``. reserve: bytes of disk that must stay free.
    An object that is deleted meanwhile is left out with a note, one that is replaced is fetched in its new version.
    After an error, what was fetched stays for the next try, apart from ``incoming``. Raises Refused, which names an
    object where one is at fault, TooLarge, StorageFull, Unreachable once the store has been silent for
    ``retrying.PATIENCE``, and OSError.
    """
    notes, retrying = Notes(), Retrying()
    with (
        staging_try(job) as (partial, earlier),
        _scratch(job) as scratch,
        ObjectLister(store, retrying, notes) as lister,
        Room(job.storebase, partial, reserve) as room,
    ):
        walk = Expansion(lister, InputsBudget(), output_dir)
        run = TreeFetch(store, partial, earlier, scratch, room, notes, retrying)
        run.run(walk.walk(inputs), report)
        job.complete(partial)
    return Staged(run.files, run.nbytes, (*walk.notes.lines(), *notes.lines(), *run.told()))


@contextlib.contextmanager
def _scratch(job: JobDir) -> Iterator[Scratch]:
    directory = job.new_scratch()
    try:
        with Scratch(directory) as scratch:
            yield scratch
    finally:
        with contextlib.suppress(OSError, NotRemovedError):  # a later try removes it
            remove_tree(directory)
