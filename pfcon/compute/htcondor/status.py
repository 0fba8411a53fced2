"""Finds the state of a job: in the schedd's queue, the job's own records, and HTCondor's history, in this order."""

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import PurePosixPath

from pfcon.compute.htcondor import state
from pfcon.compute.htcondor.analysis import Analyst
from pfcon.compute.htcondor.cancelling import Canceller
from pfcon.compute.htcondor.commands import Commands
from pfcon.compute.htcondor.folder import LOG, number_of, workers_of
from pfcon.compute.htcondor.parsing import Row, history_command, rows
from pfcon.compute.htcondor.queue import Queue
from pfcon.compute.htcondor.reasons import at_limit, reason_of, site_of
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.state import Stage
from pfcon.compute.htcondor.workers import reason_of_job
from pfcon.compute.slurm.ends import keep_end, run_of, unsubmitted
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.launchers import launcher_of
from pfcon.compute.slurm.reasons import Exit, Seen
from pfcon.compute.slurm.spec import cores
from pfcon.compute.worker_states import WorkerState, job_of
from pfcon.errors import Unreachable
from pfcon.models import JobInfo, JobSpec, JobStatus, RunDetails
from pfcon.reasons import SUCCESS, Why

LONG_WAIT = 10.0  # seconds after which a waiting job is analysed
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

        When one of several workers has failed, the others are ended. Raises Absent, Unreachable, OSError.
        """
        spec = folder.spec()
        workers = workers_of(folder)
        end = folder.end(spec)
        if end or len(workers) == 1:
            return end or self._worker(folder, spec)
        infos = [self._worker(worker, spec) for worker in workers]
        why = reason_of_job(folder, infos)
        job = job_of(infos, why)
        if job.status.ended:
            return keep_end(folder, spec, job.status, WorkerState.of(job).why, job.finished_at, run=job.details)
        if why:
            self._end_others(folder, spec, why)
        return job

    def _end_others(self, folder: JobFolder, spec: JobSpec, why: Why) -> None:
        """End those of several workers that have not ended, without waiting for it. why: the job fails."""
        waiting = [worker for worker in workers_of(folder) if worker.prevent_start()]
        self.canceller.leave_queue(folder)
        for worker in waiting:
            if not worker.end(spec):  # HTCondor need not know it any more
                keep_end(worker, spec, JobStatus.FAILED, why)

    def _worker(self, folder: JobFolder, spec: JobSpec) -> JobInfo:
        """Return the state of a worker, like a job's. folder: of the worker."""
        end = folder.end(spec)
        if end:
            return end
        exit_ = folder.exit()
        if exit_ and exit_.status == 0 and not _is_near_limit(spec, folder.run(), exit_):
            return self._succeeded(folder, spec, exit_)
        row = self._row(folder)
        if row is None and folder.id is None:
            return unsubmitted(folder, spec, self.patience + self.commands.timeout)
        if row is None or state.stage_of(row) is Stage.ENDED or (exit_ and not row.state):
            return self._ended(folder, spec, row)
        return self._active(folder, spec, row)

    def _row(self, folder: JobFolder) -> Row | None:
        """Return a worker's entry in the queue. Raises Unreachable."""
        cluster = folder.id
        if cluster is None:
            any_worker = self.queue.row(None, folder.marker)
            cluster = any_worker.id.partition(".")[0] if any_worker else None
        return self.queue.row(f"{cluster}.{number_of(folder)}", folder.marker) if cluster else None

    def _succeeded(self, folder: JobFolder, spec: JobSpec, exit_: Exit) -> JobInfo:
        return keep_end(folder, spec, JobStatus.SUCCEEDED, SUCCESS, exit_.at, run=replace(folder.run(), exit_code=0))

    def _active(self, folder: JobFolder, spec: JobSpec, row: Row) -> JobInfo:
        status, why = state.active(row)
        if state.can_never_run(row) and folder.age() > self.patience and folder.prevent_start():
            self.canceller.remove(row)
            return keep_end(folder, spec, JobStatus.FAILED, state.never_runs(row))
        if status is JobStatus.STARTED:
            folder.keep_begun()
        elif status is JobStatus.NOT_STARTED and folder.begun():
            status = JobStatus.STARTED  # another process had a newer answer
        elif row.state == state.IDLE and waits_long(row):
            why = self.analyst.why(row.id, cores(spec.resources), spec.resources)
        details = folder.run() if status is JobStatus.STARTED else RunDetails()
        active = JobInfo(spec.name, status, why.message, spec.image, spec.argv, request=spec.request)
        return replace(active, details=details, reason=why.reason)

    def _ended(self, folder: JobFolder, spec: JobSpec, row: Row | None) -> JobInfo:
        """Return the state of a worker that HTCondor does not run; ``row``: its entry in the queue, if still there."""
        exit_ = folder.exit()
        if row is None:
            try:
                row = self._of_history(f"{folder.id}.{number_of(folder)}")
            except Unreachable:
                if exit_ is None:
                    raise
        if exit_ and exit_.status == 0 and not at_limit(row):
            return self._succeeded(folder, spec, exit_)
        cancelled = folder.cancellation()
        if row is None and exit_ is None and not cancelled:
            directory = self.nodes_folder / folder.path.relative_to(folder.link.parent)
            checked = f"condor_q, condor_history, {directory}/exit"
            message = f"HTCondor has forgotten job {folder.id}, and its end is unknown (checked: {checked})"
            return JobInfo(spec.name, JobStatus.UNDEFINED, message, spec.image, spec.argv, request=spec.request)
        launcher = launcher_of(self.settings.node_side)
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
        return keep_end(folder, spec, JobStatus.FAILED, why, at, run=run_of(folder, spec, seen))

    def _of_history(self, number: str) -> Row | None:
        return next(iter(rows(self.commands.run(history_command(self.settings, number)))), None)


def waits_long(row: Row) -> bool:
    """Return whether a waiting job has been in the queue for so long that the reason is looked for."""
    return row.queued is not None and time.time() - row.queued.timestamp() > LONG_WAIT


def _is_near_limit(spec: JobSpec, run: RunDetails, exit_: Exit) -> bool:
    minutes = spec.resources.time_limit
    if minutes is None or run.started_at is None:
        return False
    return exit_.at - run.started_at > timedelta(minutes=minutes) - _NEAR
