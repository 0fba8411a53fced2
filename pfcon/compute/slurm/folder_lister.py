"""Lists the active jobs of a queue whose rows have the markers of the jobs' directories."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.folders import Known, read_known
from pfcon.errors import Absent


class QueueRow(Protocol):
    """A job in a queue. marker: of its directory; empty for a job that is not pfcon's."""

    @property
    def marker(self) -> str:
        """Return the marker."""
        ...


R = TypeVar("R", bound=QueueRow)


class FolderLister(ABC, Generic[R]):
    """Lists active jobs. Thread-safe. folder_type: of jobs' directories."""

    folder_type: type[JobFolder] = JobFolder

    def __init__(self, rows: Callable[[], Sequence[R]], patience: float) -> None:
        """rows: returns the queue; raises Unreachable. patience: seconds until ``info`` ends what can't be started."""
        self._rows = rows
        self._patience = patience
        self._known: dict[str, Known] = {}  # by marker, of the jobs in the queue
        self._started: set[str] = set()  # the markers of those whose command has started

    @abstractmethod
    def has_ended(self, row: R) -> bool:
        """Return whether a job has ended."""

    @abstractmethod
    def waits(self, row: R) -> bool:
        """Return whether a job has not begun."""

    @abstractmethod
    def text(self, row: R, created_at: float, *, started: bool) -> str:
        """Return a text for the state of a job. created_at: seconds since 1970. started: whether its command has."""

    def active_jobs(self, root: Path) -> dict[str, str]:
        """Return the jobs that have not ended, by name, each with a text for its state.

        The directory of each job is read once, and until its command has started. A row without directory belongs to
        another storeBase; a job that is being submitted has no row yet. Raises Unreachable, and OSError if ``root``
        can't be read.
        """
        rows = [row for row in self._rows() if row.marker and not self.has_ended(row)]
        known = self._known
        unknown = {row.marker for row in rows}.difference(known)
        if unknown:
            known = known | read_known(root, unknown)
        rows = [row for row in rows if row.marker in known]
        self._known = {row.marker: known[row.marker] for row in rows}
        self._started = {row.marker for row in rows if self._has_started(row, root)}
        texts: dict[str, list[str]] = {}
        for row in rows:
            job = known[row.marker]
            text = self.text(row, job.created_at, started=row.marker in self._started)
            texts.setdefault(job.name, []).append(text)
        return {name: "; ".join(parts) for name, parts in texts.items()}

    def _has_started(self, row: R, root: Path) -> bool:
        """Return whether a job's script has recorded its start, which is not when the queue's state changes."""
        if row.marker in self._started or self.waits(row):
            return row.marker in self._started
        with contextlib.suppress(Absent, OSError):  # a job may change its own directory
            return self.folder_type(root, f".{row.marker}", row.marker).run().started_at is not None
        return False
