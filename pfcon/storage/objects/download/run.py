"""Fetches a stream of StagedItems with several threads, in bounded memory."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from pfcon.links import StagedItem
from pfcon.links.budget import Notes
from pfcon.storage.attempts import DiskQuota
from pfcon.storage.objects.download.reader import ObjectReader
from pfcon.storage.objects.download.scratch import Scratch
from pfcon.storage.objects.download.tasks import Range, TaskQueue, Totals
from pfcon.storage.objects.download.worker import FetchContext, FetchWorker
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import ObjectStore
from pfcon.storage.staging_dirs import StagingDirs
from pfcon.workers import WorkerPool

THREADS = 16  # requests in parallel; a store that is 20 ms away needs them


class FetchRun:
    """One attempt to stage inputs. ``totals``: what it has staged.

    target: an empty directory that nothing else writes to. earlier: the directories of earlier attempts. notes: get the
    objects that were deleted before they were fetched.
    """

    def __init__(  # noqa: PLR0917 - the parts of an attempt
        self,
        store: ObjectStore,
        target: Path,
        earlier: list[Path],
        scratch: Scratch,
        quota: DiskQuota,
        notes: Notes,
        retrying: Retrying,
    ) -> None:
        self.totals = Totals(store.place)
        self._place, self._target, self._earlier = store.place, target, earlier
        self._scratch, self._quota, self._notes = scratch, quota, notes
        self._reader = ObjectReader(store, retrying, self.totals.add_received)
        self._crew = WorkerPool("fetch", THREADS, on_stop=retrying.stop)
        self._masked = stat.S_IMODE(os.stat(target).st_mode) & 0o755 != 0o755  # by the process's umask
        os.chmod(target, 0o755)  # noqa: S103 - jobs of other users read it

    def run(self, items: Iterator[StagedItem], report: Callable[[str], None]) -> None:
        """Fetch all items; ``report`` is called each second. Fetched files are kept after an error.

        Raises what ``items`` raises; see ``fetch``.
        """
        queue = TaskQueue(items, self._crew.check)
        context = FetchContext(
            self._place,
            self._target,
            self._reader,
            self._scratch,
            self._quota,
            self._notes,
            queue,
            self.totals,
            self._crew.check,
        )
        try:
            self._crew.run(lambda: self._work(context), lambda: report(self.totals.progress()), threads=THREADS)
        finally:
            queue.close()

    def _work(self, context: FetchContext) -> None:
        with StagingDirs(self._target, self._earlier, masked=self._masked) as staging_dirs:
            worker = FetchWorker(context, staging_dirs)
            while (task := context.queue.next()) is not None:
                if isinstance(task, Range):
                    worker.fetch_range(task)
                    continue
                try:
                    worker.fetch(task)
                finally:
                    context.queue.done(task)
