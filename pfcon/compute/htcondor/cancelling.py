"""Cancels a job: HTCondor sends SIGTERM to its script, which ends the container with a grace."""

from dataclasses import dataclass

from pfcon.compute.htcondor.commands import Commands, had_left, where
from pfcon.compute.htcondor.folder import workers_of
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
        going = [worker for worker in workers_of(folder) if not worker.has("exit")]
        begun = [worker for worker in going if not worker.prevent_start()]
        if going:
            self.leave_queue(folder)
        if not begun:
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
        self.remove(*self.queue.fresh(folder.marker, None))

    def remove(self, *rows: Row) -> None:
        """Remove workers from the queue, except those that have ended, or that are being removed."""
        ids = [row.id for row in rows if row.state not in (REMOVED, COMPLETED)]
        if not ids:
            return
        try:
            self.commands.run(["condor_rm", *where(self.settings), *ids])
        except Unreachable as fault:
            if not had_left(fault):
                raise

    def _ends_in_time(self, folder: JobFolder, seconds: float) -> bool:
        """Return whether a job ends in time; its own record shows that before HTCondor does."""
        return any(_has_ended(folder) or not self._runs(folder) for _ in polls(seconds, _POLL))

    def _runs(self, folder: JobFolder) -> bool:
        return any(stage_of(row) is not Stage.ENDED for row in self.queue.fresh(folder.marker, None))


def _has_ended(folder: JobFolder) -> bool:
    """Return whether every worker that has begun has recorded its end."""
    return all(worker.has("exit") or not worker.begun() for worker in workers_of(folder))
