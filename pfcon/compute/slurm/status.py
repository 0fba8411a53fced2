"""Finds the state of a job: in Slurm's queue, the job's own records, and Slurm's accounting, in this order."""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pfcon.compute.slurm import state
from pfcon.compute.slurm.cancelling import Canceller
from pfcon.compute.slurm.commands import Commands
from pfcon.compute.slurm.ends import keep_end, run_of, unsubmitted
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.launchers import Launcher
from pfcon.compute.slurm.parsing import Row, accounting_command, accounting_row
from pfcon.compute.slurm.queue import Queue
from pfcon.compute.slurm.reasons import Seen, Site, has_run, has_succeeded, was_stopped
from pfcon.compute.slurm.site import SiteFacts
from pfcon.compute.slurm.state import Stage
from pfcon.errors import Unreachable
from pfcon.models import JobInfo, JobSpec, JobStatus, RunDetails


@dataclass(frozen=True)
class StatusReader:
    """Finds the states of jobs. patience: seconds before a job is ended that Slurm can never run, or never received.

    selected: see ``SlurmSettings.selected``.
    """

    commands: Commands
    queue: Queue
    site: SiteFacts
    canceller: Canceller
    launcher: Launcher
    patience: float
    nodes_folder: PurePosixPath
    selected: str = ""

    def info(self, folder: JobFolder) -> JobInfo:
        """Return the state of a job; record its end when it is first detected.

        Raises Absent, Unreachable, OSError.
        """
        spec = folder.spec()
        end = folder.end(spec)
        if end:
            return end
        exit_ = folder.exit()
        if exit_ and has_succeeded(exit_, folder.text_tail("slurm.log") if exit_.status == 0 else ""):
            note = state.success_note(spec, folder.text_tail("slurm.log"))
            return keep_end(folder, spec, JobStatus.SUCCEEDED, note, exit_.at, run=replace(folder.run(), exit_code=0))
        row = self.queue.row(folder.id, folder.marker)
        if row is None and folder.id is None:
            return unsubmitted(folder, spec, self.patience + self.commands.timeout)
        if row is None or state.stage_of(row) is Stage.ENDED or (exit_ and not row.state):
            return self._ended(folder, spec, row)
        return self._active(folder, spec, row)

    def _active(self, folder: JobFolder, spec: JobSpec, row: Row) -> JobInfo:
        status, why = state.active(row, self.selected)
        if state.can_never_run(row) and folder.age() > self.patience and folder.prevent_start():
            self.commands.run(["scancel", row.id])
            return keep_end(folder, spec, JobStatus.FAILED, state.never_runs(row, self.selected))
        if status is JobStatus.STARTED:
            folder.keep_begun()
        elif status is JobStatus.NOT_STARTED and folder.begun():
            status = JobStatus.STARTED  # another process had a newer answer of Slurm; or the job was queued again
        details = folder.run() if status is JobStatus.STARTED else RunDetails()
        return JobInfo(
            spec.name,
            status,
            why.message,
            spec.image,
            spec.argv,
            request=spec.request,
            details=details,
            reason=why.reason,
        )

    def _ended(self, folder: JobFolder, spec: JobSpec, row: Row | None) -> JobInfo:
        """Return the state of a job that Slurm does not run; ``row``: its entry in Slurm's queue, if still there."""
        exit_ = folder.exit()
        asked = ["squeue", f"{self.nodes_folder / folder.path.name}/exit"]
        if row is None and self._has_accounting():
            asked.append("sacct")
            try:
                row = self._accounted(folder.id or "")
            except Unreachable:
                if exit_ is None:
                    raise
            if row and state.stage_of(row) is not Stage.ENDED:
                return self._active(folder, spec, row)
        launcher = self.launcher
        seen = Seen(
            row,
            exit_,
            folder.cancellation(),
            folder.text_tail("slurm.log"),
            folder.text_tail("launcher.log") if launcher.own_log else "",
            folder.text_tail("log"),
            folder.run().node or "",
        )
        program = launcher.program
        where = Site(launcher.name, program, str(self.nodes_folder))
        status, why, at = state.ended(spec, seen, where)
        if status is JobStatus.FAILED and was_stopped(seen) and self.canceller.end_container(folder):
            message = f"{why.message}: being ended"
            return JobInfo(spec.name, JobStatus.STARTED, message, spec.image, spec.argv, request=spec.request)
        if status is not JobStatus.UNDEFINED:
            return keep_end(folder, spec, status, why, at, run=self._run(folder, spec, seen, status))
        message = f"Slurm has forgotten job {folder.id}, and its end is unknown (checked: {', '.join(asked)})"
        return JobInfo(spec.name, status, message, spec.image, spec.argv, request=spec.request)

    def _run(self, folder: JobFolder, spec: JobSpec, seen: Seen, status: JobStatus) -> RunDetails:
        """Return the details of a job that has ended; see ``run_of``."""
        run = run_of(folder, spec, seen)
        return replace(run, exit_code=0) if status is JobStatus.SUCCEEDED and has_run(spec, seen) else run

    def _has_accounting(self) -> bool:
        try:
            return self.site.facts().accounting
        except Unreachable:
            return False

    def _accounted(self, number: str) -> Row | None:
        return accounting_row(number, self.commands.run(accounting_command(number)))
