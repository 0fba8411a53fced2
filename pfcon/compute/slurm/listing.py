"""Lists the active jobs from one answer of squeue."""

import time

from pfcon.compute.slurm import state
from pfcon.compute.slurm.folder_lister import FolderLister
from pfcon.compute.slurm.parsing import Row
from pfcon.compute.slurm.state import Stage


class Lister(FolderLister[Row]):
    """See FolderLister."""

    def has_ended(self, row: Row) -> bool:
        """See FolderLister."""
        return state.stage_of(row) is Stage.ENDED

    def waits(self, row: Row) -> bool:
        """See FolderLister."""
        return state.stage_of(row) is Stage.WAITING

    def text(self, row: Row, created_at: float, *, started: bool) -> str:
        """See FolderLister."""
        late = state.can_never_run(row) and time.time() - created_at > self._patience
        words = [row.id, row.state, row.reason, "late" if late else "", "started" if started else ""]
        return " ".join(filter(None, words))
