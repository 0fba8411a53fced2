"""Lists jobs: the active ones from one answer of squeue, whose rows have the markers of the jobs' directories."""

import contextlib
import time
from pathlib import Path

from pfcon.compute.slurm import state
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.folders import Known, read_known
from pfcon.compute.slurm.parsing import Row
from pfcon.compute.slurm.queue import Queue
from pfcon.compute.slurm.state import Stage
from pfcon.errors import Absent


class Lister:
    """Lists active jobs. Thread-safe. patience: seconds after which ``info`` ends a job that Slurm can never run."""

    def __init__(self, queue: Queue, patience: float) -> None:
        self._queue = queue
        self._patience = patience
        self._known: dict[str, Known] = {}  # by marker, of the jobs that are in Slurm's queue
        self._started: set[str] = set()  # the markers of those whose command has started

    def active_jobs(self, root: Path) -> dict[str, str]:
        """Return the jobs that have not ended, by name, each with a text for its state.

        The directory of each job is read once, and until its command has started. A row without directory belongs to
        another storeBase; a job that is being submitted has no row yet. Raises Unreachable, and OSError if ``root``
        can't be read.
        """
        rows = [row for row in self._queue.rows() if row.marker and state.stage_of(row) is not Stage.ENDED]
        known = self._known
        unknown = {row.marker for row in rows}.difference(known)
        if unknown:
            known = known | read_known(root, unknown)
        rows = [row for row in rows if row.marker in known]
        self._known = {row.marker: known[row.marker] for row in rows}
        self._started = {row.marker for row in rows if self._has_started(row, root)}
        texts: dict[str, list[str]] = {}
        for row in rows:
            texts.setdefault(known[row.marker].name, []).append(self._text(row, known[row.marker].created_at))
        return {name: "; ".join(parts) for name, parts in texts.items()}

    def _has_started(self, row: Row, root: Path) -> bool:
        """Return whether a job's script has recorded its start, some moments after Slurm's state has changed."""
        if row.marker in self._started or state.stage_of(row) is Stage.WAITING:
            return row.marker in self._started
        with contextlib.suppress(Absent, OSError):  # a job may change its own directory
            return JobFolder(root, f".{row.marker}", row.marker).run().started_at is not None
        return False

    def _text(self, row: Row, created_at: float) -> str:
        late = state.can_never_run(row) and time.time() - created_at > self._patience
        words = [row.id, row.state, row.reason, "late" if late else "", "started" * (row.marker in self._started)]
        return " ".join(filter(None, words))
