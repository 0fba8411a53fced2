"""Cancels a job: HTCondor sends SIGTERM to its script, which ends the container with a grace."""

from dataclasses import dataclass

from pfcon.compute.htcondor.commands import Commands, had_left, where
from pfcon.compute.htcondor.parsing import Row
from pfcon.compute.htcondor.queue import Queue
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.spec import KILL_MARGIN
from pfcon.compute.htcondor.state import COMPLETED, REMOVED, Stage, stage_of
from pfcon.compute.slurm.folder import JobFolder
from pfcon.errors import Unreachable
from pfcon.polling import polls

_SLACK = 10.0  # seconds in addition to the grace, for HTCondor's daemons
_FORCED = 60.0  # seconds for HTCondor to end a job whose script does not end it
_POLL = 0.2  # seconds


@dataclass(frozen=True)
class Canceller:
    """Cancels jobs. grace: seconds that the script gives its container; 0 if the directory contains ``now``."""

    commands: Commands
    queue: Queue
    settings: HTCondorSettings
    grace: int

    def request_end(self, folder: JobFolder) -> bool:
        """Prevent a job from starting, or make HTCondor end it; return whether it has ended in time.

        Raises Absent, Unreachable, OSError.
        """
        if folder.has("exit"):
            return True
        prevented = folder.prevent_start()
        self.leave_queue(folder)
        if prevented:
            return True
        grace = 0 if folder.has("now") else self.grace
        return self._ends_in_time(folder, grace + KILL_MARGIN + _SLACK)

    def force_end(self, folder: JobFolder) -> None:
        """End a job, and wait for that; it is in the queue no more. Raises Unreachable if it does not end in time."""
        if not self.request_end(folder):
            self.leave_queue(folder)
            if not self._ends_in_time(folder, _FORCED):
                raise Unreachable(f"HTCondor was asked to end job {folder.link.name}, but it still runs; try again")
        if not folder.has("end.json"):
            self.leave_queue(folder)  # a job that is held, or was put back in the queue, would stay in it for ever

    def leave_queue(self, folder: JobFolder) -> None:
        """Remove everything that was submitted for a job from the queue; what runs is ended. Idempotent."""
        for row in self.queue.fresh(folder.marker, folder.id):
            self.remove(row)

    def remove(self, row: Row) -> None:
        """Remove a job from the queue; no-op for one that has ended, or that is being removed."""
        if row.state in (REMOVED, COMPLETED):
            return
        try:
            self.commands.run(["condor_rm", *where(self.settings), f"{row.id}.0"])
        except Unreachable as fault:
            if not had_left(fault):
                raise

    def _ends_in_time(self, folder: JobFolder, seconds: float) -> bool:
        """Return whether a job ends in time; its own record shows that before HTCondor does."""
        return any(folder.has("exit") or not self._runs(folder) for _ in polls(seconds, _POLL))

    def _runs(self, folder: JobFolder) -> bool:
        return any(stage_of(row) is not Stage.ENDED for row in self.queue.fresh(folder.marker, folder.id))
