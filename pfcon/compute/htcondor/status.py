"""Finds the state of a job: in the schedd's queue, the job's own records, and HTCondor's history, in this order."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from pfcon.compute.htcondor import state
from pfcon.compute.htcondor.analysis import Analyst
from pfcon.compute.htcondor.cancelling import Canceller
from pfcon.compute.htcondor.commands import Commands
from pfcon.compute.htcondor.folder import LOG
from pfcon.compute.htcondor.parsing import Row, history_command, rows
from pfcon.compute.htcondor.queue import Queue
from pfcon.compute.htcondor.reasons import at_limit, reason_of, site_of
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.state import Stage
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.launchers import LAUNCHERS
from pfcon.compute.slurm.reasons import Exit, Seen, exit_code_of, has_run
from pfcon.compute.slurm.settings import LauncherName
from pfcon.compute.slurm.spec import cores
from pfcon.errors import Unreachable
from pfcon.models import JobInfo, JobSpec, JobStatus, RunDetails
from pfcon.reasons import SUCCESS, Reason, Why, explain

LONG_WAIT = 10.0  # seconds after which a waiting job is analysed
_NOT_SUBMITTED = "the service was stopped before it submitted the job; run it again"
_NEAR = timedelta(seconds=10)  # before the time limit: a job that succeeds then may have been stopped


@dataclass(frozen=True)
class StatusReader:
    """Finds the states of jobs. patience: seconds before a job is ended that can't start, or was never received."""

    commands: Commands
    queue: Queue
    settings: HTCondorSettings
    canceller: Canceller
    analyst: Analyst
    patience: float
    nodes_folder: PurePosixPath

    def info(self, folder: JobFolder) -> JobInfo:
        """Return the state of a job; record its end when it is first detected.

        Raises Absent, Unreachable, OSError.
        """
        spec = folder.spec()
        end = folder.end(spec)
        if end:
            return end
        exit_ = folder.exit()
        if exit_ and exit_.status == 0 and not _is_near_limit(spec, folder.run(), exit_):
            return self._succeeded(folder, spec, exit_)
        row = self.queue.row(folder.id, folder.marker)
        if row is None and folder.id is None:
            return self._unsubmitted(folder, spec)
        if row is None or state.stage_of(row) is Stage.ENDED or (exit_ and not row.state):
            return self._ended(folder, spec, row)
        return self._active(folder, spec, row)

    def _succeeded(self, folder: JobFolder, spec: JobSpec, exit_: Exit) -> JobInfo:
        return self._keep(folder, spec, JobStatus.SUCCEEDED, SUCCESS, exit_.at, run=replace(folder.run(), exit_code=0))

    def _active(self, folder: JobFolder, spec: JobSpec, row: Row) -> JobInfo:
        status, why = state.active(row)
        if state.can_never_run(row) and folder.age() > self.patience and folder.prevent_start():
            self.canceller.remove(row)
            return self._keep(folder, spec, JobStatus.FAILED, state.never_runs(row))
        if status is JobStatus.STARTED:
            folder.keep_begun()
        elif status is JobStatus.NOT_STARTED and folder.begun():
            status = JobStatus.STARTED  # another process had a newer answer
        elif row.state == state.IDLE and waits_long(row):
            why = self.analyst.why(row.id, cores(spec.resources), spec.resources)
        details = folder.run() if status is JobStatus.STARTED else RunDetails()
        active = JobInfo(spec.name, status, why.message, spec.image, spec.argv, request=spec.request)
        return replace(active, details=details, reason=why.reason)

    def _unsubmitted(self, folder: JobFolder, spec: JobSpec) -> JobInfo:
        """Return the state of a job that is being submitted, or whose submission was interrupted or not answered."""
        if (cancelled := folder.cancellation()) and folder.prevent_start():
            return self._keep(folder, spec, JobStatus.FAILED, cancelled)
        if folder.age() > self.patience + self.commands.timeout and folder.prevent_start():
            why = explain(Reason.INTERRUPTED, cause=_NOT_SUBMITTED, interrupted=True)
            return self._keep(folder, spec, JobStatus.FAILED, why)
        return JobInfo(spec.name, JobStatus.NOT_STARTED, "being submitted", spec.image, spec.argv, request=spec.request)

    def _ended(self, folder: JobFolder, spec: JobSpec, row: Row | None) -> JobInfo:
        """Return the state of a job that HTCondor does not run; ``row``: its entry in the queue, if still there."""
        exit_ = folder.exit()
        if row is None:
            try:
                row = self._of_history(folder.id or "")
            except Unreachable:
                if exit_ is None:
                    raise
        if exit_ and exit_.status == 0 and not at_limit(row):
            return self._succeeded(folder, spec, exit_)
        cancelled = folder.cancellation()
        if row is None and exit_ is None and not cancelled:
            checked = f"condor_q, condor_history, {self.nodes_folder / folder.path.name}/exit"
            message = f"HTCondor has forgotten job {folder.id}, and its end is unknown (checked: {checked})"
            return JobInfo(spec.name, JobStatus.UNDEFINED, message, spec.image, spec.argv, request=spec.request)
        launcher = LAUNCHERS[LauncherName(self.settings.launcher.value)]
        seen = Seen(
            None,
            exit_,
            cancelled,
            folder.text_tail(LOG),
            folder.text_tail("launcher.log") if launcher.own_log else "",
            folder.text_tail("log"),
            folder.run().node or "",
        )
        why = reason_of(spec, row, seen, site_of(self.settings.launcher, launcher.program, str(self.nodes_folder)))
        if row and row.state in (state.HELD, state.IDLE):
            folder.prevent_start()
            self.canceller.remove(row)  # it would stay in the queue for ever
        at = exit_.at if exit_ else row.since if row else None
        return self._keep(folder, spec, JobStatus.FAILED, why, at, run=self._run(folder, spec, seen))

    def _run(self, folder: JobFolder, spec: JobSpec, seen: Seen) -> RunDetails:
        """Return the details of a job that has failed; empty if its command was not started."""
        if not has_run(spec, seen):
            return RunDetails()
        run = folder.run()
        return replace(run, exit_code=exit_code_of(seen) if run.started_at else None)

    def _of_history(self, number: str) -> Row | None:
        return next(iter(rows(self.commands.run(history_command(self.settings, number)))), None)

    def _keep(
        self,
        folder: JobFolder,
        spec: JobSpec,
        status: JobStatus,
        why: Why,
        at: datetime | None = None,
        *,
        run: RunDetails = RunDetails(),
    ) -> JobInfo:
        at = at or datetime.fromtimestamp(time.time(), UTC)
        folder.keep_end(status, why, at, run)
        ended = JobInfo(spec.name, status, "", spec.image, spec.argv, at, spec.request)
        return replace(folder.end(spec) or ended.because(why), detail=why.detail)


def waits_long(row: Row) -> bool:
    """Return whether a waiting job has been in the queue for so long that the reason is looked for."""
    return row.queued is not None and time.time() - row.queued.timestamp() > LONG_WAIT


def _is_near_limit(spec: JobSpec, run: RunDetails, exit_: Exit) -> bool:
    minutes = spec.resources.time_limit
    if minutes is None or run.started_at is None:
        return False
    return exit_.at - run.started_at > timedelta(minutes=minutes) - _NEAR
