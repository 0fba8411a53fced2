"""Lists the active jobs from one answer of condor_q."""

import time

from pfcon.compute.htcondor import state
from pfcon.compute.htcondor.folder import HTCondorFolder
from pfcon.compute.htcondor.parsing import Row
from pfcon.compute.htcondor.state import Stage
from pfcon.compute.htcondor.status import waits_long
from pfcon.compute.slurm.folder_lister import FolderLister


class Lister(FolderLister[Row]):
    """See FolderLister."""

    folder_type = HTCondorFolder

    def has_ended(self, row: Row) -> bool:
        """See FolderLister."""
        return state.stage_of(row) is Stage.ENDED

    def waits(self, row: Row) -> bool:
        """See FolderLister."""
        return state.stage_of(row) is Stage.WAITING

    def text(self, row: Row, created_at: float, *, started: bool) -> str:
        """See FolderLister. The text of a job that waits long changes every minute, as its reason may."""
        now = time.time()
        late = state.can_never_run(row) and now - created_at > self._patience
        long = row.state == state.IDLE and waits_long(row)
        words = [row.id, row.state, str(row.hold[0] or ""), "late" * late, "started" * started]
        return " ".join(filter(None, [*words, f"waits {now // 60:.0f}" if long else ""]))
