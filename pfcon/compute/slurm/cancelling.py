"""Cancels a job: first through its own script, which stops the container with a grace, then through Slurm."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pfcon.compute.slurm import state
from pfcon.compute.slurm.commands import Commands
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.queue import Queue
from pfcon.compute.slurm.site import SiteFacts
from pfcon.errors import Unreachable
from pfcon.polling import polls

_SCRIPT = 3.0  # seconds in addition to the grace, for the script to end
_ORDER_TIMEOUT = 6.0  # seconds in addition to the grace; a script that has not executed its order by then is dead
_SLURM = 60.0  # seconds in addition to KillWait, for Slurm to end a job
_POLL = 0.1  # seconds
# As a text, or as scancel's exit status: the last byte of ESLURM_INVALID_JOB_ID (2017), of ESLURM_ALREADY_DONE (2021).
_ENDED = re.compile(r"Invalid job id specified|already completing or completed|exit status (?:225|229)$", re.IGNORECASE)


@dataclass(frozen=True)
class Canceller:
    """Cancels jobs. grace: seconds that the script gives its container; 0 if the directory contains ``now``."""

    commands: Commands
    queue: Queue
    site: SiteFacts
    grace: int

    def request_end(self, folder: JobFolder) -> bool:
        """Prevent a job from starting, or order its script to end: Slurm's own SIGTERM would go to every process.

        Returns whether the job has ended in time. Raises Absent, Unreachable, OSError.
        """
        if folder.has("exit"):
            return True
        if folder.prevent_start():
            return not self.scancel(folder)
        if folder.order_end():
            # Not through Slurm: with some oci.conf, it would end only the processes that it knows, not the container.
            seconds = _ORDER_TIMEOUT + (0 if folder.has("now") else self.grace)
            if self._ends_in_time(folder, seconds, lambda: True):
                return True
        active = self._active(folder)
        if active:
            self._scancel("--batch", "--signal=TERM", *active)
        return self._ends_in_time(folder, self.grace + _SCRIPT, lambda: bool(self._active(folder)))

    def end_container(self, folder: JobFolder) -> bool:
        """Order the container of a job that has ended to end, too: Slurm has started it, and it may run longer.

        Returns whether it may still run. Idempotent. Raises Absent, OSError.
        """
        return not folder.has("exit") and folder.order_end() and folder.order_age() < self.grace + _ORDER_TIMEOUT

    def scancel(self, folder: JobFolder) -> bool:
        """Make Slurm end everything that was submitted for a job; return whether anything was active."""
        active = self._active(folder)
        if active:
            self._scancel(*active)
        return bool(active)

    def _scancel(self, *words: str) -> None:
        try:
            self.commands.run(["scancel", *words])
        except Unreachable as fault:
            if not _ENDED.search(str(fault)):  # it has ended since the query
                raise

    def force_end(self, folder: JobFolder) -> None:
        """Make Slurm end a job, and wait for its end. Raises Unreachable if it does not end in time."""
        seconds = self.site.facts().kill_wait + _SLURM
        if not self._ends_in_time(folder, seconds, lambda: self.scancel(folder)):
            raise Unreachable(f"Slurm was asked to end job {folder.link.name}, but it still runs; try again")

    def _ends_in_time(self, folder: JobFolder, seconds: float, is_active: Callable[[], bool]) -> bool:
        """Return whether a job ends in time; its own record shows that before Slurm does."""
        return any(folder.has("exit") or not is_active() for _ in polls(seconds, _POLL))

    def _active(self, folder: JobFolder) -> list[str]:
        rows = self.queue.fresh(folder.marker, folder.id)
        return [row.id for row in rows if state.stage_of(row) is not state.Stage.ENDED]
