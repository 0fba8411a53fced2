"""Plugin jobs: from a client's request to a job on the engine, and the sealing of its outputs."""

import logging
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from pfcon.command import plugin_argv
from pfcon.compute.base import ComputeEngine
from pfcon.errors import Absent, Conflict, Foreign, InvalidFields, PfconError, Refused
from pfcon.files.removal import NotRemovedError
from pfcon.files.unreadable import OutputSurvey
from pfcon.jobs.about import of_name, of_record, of_spec
from pfcon.jobs.claiming import Claimer
from pfcon.jobs.context import JobContext
from pfcon.jobs.kinds.base import Conclusion, Kind
from pfcon.jobs.kinds.copy import CopySubmitter
from pfcon.jobs.kinds.digests import request_digest
from pfcon.jobs.kinds.submitter import Submitter
from pfcon.jobs.kinds.upload import UploadSubmitter
from pfcon.jobs.ownership import foreign_job_error, service_matcher, signed_request
from pfcon.jobs.places import places_of
from pfcon.jobs.removal import Remover
from pfcon.jobs.reporting import reporter
from pfcon.jobs.scheduling import Scheduler
from pfcon.jobs.shown_log import NO_OUTPUTS
from pfcon.jobs.trash import delete_data
from pfcon.links.missing import none_exists
from pfcon.models import DataPaths, JobId, JobInfo, JobKind, JobRequest, JobSpec, JobStatus, PluginType, Resources, User
from pfcon.reasons import Reason, explain
from pfcon.records import Claimed, Phase, Place, Record, new_claim
from pfcon.service_log import current_request_id
from pfcon.storage.base import Staged, StagingPlan, Upload

log = logging.getLogger(__name__)

_MAX_LISTED = 3


@dataclass(frozen=True)
class Submission:
    """The result of a ``POST``: the job, and how many files were staged for it (in ``path``)."""

    info: JobInfo
    nfiles: int
    path: str
    staged_at: datetime


class PluginKind(Kind):
    """Plugin jobs, which run a user's program on that user's data."""

    job_kind = JobKind.PLUGIN
    notes_in_log = True

    def engine(self, context: JobContext) -> ComputeEngine:
        """See Kind: the engine that is configured for plugins."""
        return context.engine

    def end_staging(self, context: JobContext, record: Record) -> JobStatus:
        """See Kind. Deletes what was staged: the inputs came with the request, which only the client can send again."""
        if record.with_data:
            delete_data(context.storebase.job(record.jid))
        return JobStatus.FAILED

    def conclude(self, context: JobContext, record: Record, spec: JobSpec, info: JobInfo) -> Conclusion:
        """See Kind: as its engine reports; notes name the outputs that can't be read or could not be sealed."""
        survey = OutputSurvey()
        fault = seal_outputs(context, record.jid, spec, survey)
        first = [survey.unreadable.summary()] if survey.unreadable.count else []  # a message shows few notes
        last = [fault] if fault else []
        values: dict[str, str | int] = {} if fault else {"files_out": survey.files, "bytes_out": survey.size}
        if first or last:
            values["notes"] = "\n".join((*first, *record.notes, *last))
        if info.status is JobStatus.SUCCEEDED and not (fault or survey.files or first):
            info = replace(info, message="; ".join(filter(None, (info.message, NO_OUTPUTS))))
        return Conclusion(info, values)

    def after_removal(self, context: JobContext, jid: JobId, spec: JobSpec) -> None:
        """See Kind. Seals its outputs."""
        seal_outputs(context, jid, spec)


def seal_outputs(context: JobContext, jid: JobId, spec: JobSpec, survey: OutputSurvey | None = None) -> str:
    """Remove what a job must not leave among its outputs. Idempotent.

    Returns one line about what could not be removed; ``""`` if all was removed. survey: see ``Storage.seal_outputs``.
    """
    try:
        context.storage.seal_outputs(context.storebase.job(jid), spec.outputs, survey)
    except (PfconError, OSError, NotRemovedError) as error:
        log.warning("job %s: forbidden content remains in its outputs: %s", jid, error, extra=of_spec(spec))
        return " ".join(f"forbidden content remains in the outputs: {error}".splitlines())
    return ""


class PluginSubmitter(Submitter):
    """Claims a plugin job, stages its inputs unless they are staged, and schedules it."""

    def __init__(
        self,
        context: JobContext,
        scheduler: Scheduler,
        remover: Remover,
        claimer: Claimer,
        *,
        copies: CopySubmitter,
        uploads: UploadSubmitter,
    ) -> None:
        super().__init__(context, scheduler, remover, claimer)
        self._copies = copies
        self._uploads = uploads

    def submit(self, request: JobRequest, upload: Upload | None) -> Submission:
        """Stage the inputs and schedule the job. Idempotent: an equal request returns the same job.

        Raises Refused, TooLarge, StorageFull, Unreachable, or Conflict: the jid is in use for another request, or a job
        that has not ended could replace a directory on the paths of this one's mounts, or this job on those of its
        mounts. After an error no job is scheduled, and nothing that was staged remains.
        """
        plan = self._context.storage.plan(request, upload)
        digest = request_digest(request, plan.digest)
        taken = self._context.storebase.job(request.jid).is_taken()
        places = places_of(self._context, request)
        with self._claim(request, digest, places, with_data=not taken) as claimed:
            if isinstance(claimed, Record):
                return self._submission(claimed, self._scheduler.states.present(claimed))
            record = claimed.record
            try:
                self._remove_earlier(claimed)
                if taken and not self._journal.move(record, Phase.STAGING, still=True, with_data=True):
                    raise _deleted(request.jid)
            except BaseException:  # the earlier job is kept
                self._remover.release(record)
                raise
            with self._remover.rolling_back(record, with_data=True):
                user = self._choose_user()
                staged = self._stage(record, request, plan, user)
                spec = self._spec(record.jid, request, user, self._signed(request.jid, digest, record.claim))
                return self._schedule(request, record, spec, staged)

    def submit_copied(self, request: JobRequest) -> Submission:
        """Schedule the job on the inputs that a copy job has staged.

        Raises Refused, Unreachable, or Conflict: no copy job has succeeded, or as in ``submit``. After an error no job
        is scheduled; the inputs are kept.
        """
        copied = self._journal.get(request.jid, JobKind.COPY)
        digest = request_digest(request, "copied")
        existing = self._journal.get(request.jid, JobKind.PLUGIN)
        if existing is None or existing.replaceable:
            copied = self._copies.require_done(request.jid, copied)
            self._uploads.require_none_active(request.jid)
        user = self._choose_user()
        claim, places = new_claim(), places_of(self._context, request)
        with self._claim(request, digest, places, claim=claim, with_data=False) as claimed:
            if isinstance(claimed, Record):
                return self._submission(claimed, self._scheduler.states.present(claimed))
            with self._remover.rolling_back(claimed.record, with_data=False):
                copied = self._copies.require_done(request.jid, copied)
                self._make_outputs(request, user)
                spec = self._spec(request.jid, request, user, self._signed(request.jid, digest, claim))
                return self._schedule(request, claimed.record, spec, Staged(copied.nfiles, copied.nbytes, copied.notes))

    def _claim(
        self, request: JobRequest, digest: str, places: tuple[Place, ...], **values: Any
    ) -> AbstractContextManager[Claimed | Record]:
        limits = self._context.limits
        values.update(auid=request.auid, image=request.image)
        return self._claimer.claimed(request.jid, JobKind.PLUGIN, digest, places, limits, **values)

    def _schedule(self, request: JobRequest, record: Record, spec: JobSpec, staged: Staged) -> Submission:
        """Schedule a job, unless it has inputs and none of them exists: such a job ends before it runs."""
        spec = self._context.environments.keep(spec, record.claim)  # deleted once no record names it
        notes = tuple(_lines(staged.notes))
        values: dict[str, Any] = {
            "nfiles": staged.nfiles,
            "bytes_in": staged.nbytes,
            "staged_at": time.time(),
            "image": spec.image,
        }
        if request.type is not PluginType.FS and none_exists(map(str, request.input_dirs), staged.notes):
            return self._end_without_inputs(replace(record, spec_json=spec.to_json()), request, values)
        values.update(spec=spec.to_json(), notes="\n".join(notes))
        if not self._journal.move(record, Phase.SCHEDULING, message="giving the job to the compute engine", **values):
            raise _deleted(record.jid)
        ready = replace(record, phase=Phase.SCHEDULING, nfiles=staged.nfiles, notes=notes, spec_json=spec.to_json())
        return self._submission(ready, self._scheduler.schedule(ready, spec))

    def _end_without_inputs(self, record: Record, request: JobRequest, values: dict[str, Any]) -> Submission:
        """End a job none of whose inputs exists, before it runs. Its message names them."""
        why = explain(Reason.INPUT_MISSING, paths=_listed(request.input_dirs))
        if not self._scheduler.fail(record, why, ended=True, **values):
            raise _deleted(record.jid)
        ended = self._journal.get(request.jid, JobKind.PLUGIN)
        return self._submission(record, (ended or record).info)

    def _remove_earlier(self, claimed: Claimed) -> None:
        """Remove an earlier job of that jid from the engine, and its data from storeBase.

        Raises Conflict, and removes nothing, if the engine has another job of that name.
        """
        job = self._context.storebase.job(claimed.record.jid)
        if claimed.previous is None and not job.is_taken():
            return
        name = claimed.record.name
        mine = service_matcher(self._context, name, claimed.previous)
        try:
            found = self._context.engine_of(JobKind.PLUGIN).info(name, mine)
        except Foreign as foreign:
            raise Conflict(str(foreign_job_error(self._context, name, foreign))) from None
        except Absent:
            if claimed.previous is None:
                log.info("job %s: removing data of it that has no record", name, extra=of_name(name))
        else:
            if claimed.previous is None and not found.status.final:
                raise Conflict(f"the engine runs a job named {name} that pfcon has no record of; delete it first")
        self._remover.remove_earlier(claimed)
        delete_data(job)

    def _stage(self, record: Record, request: JobRequest, plan: StagingPlan, user: User | None) -> Staged:
        job = self._context.storebase.job(request.jid)
        try:
            staged = plan.stage(job, reporter(self._journal, record))
            self._make_outputs(request, user)
        except FileNotFoundError as error:
            raise _deleted(request.jid) from error
        except Refused as error:
            if not self._context.storage.staging_fault:
                raise
            raise InvalidFields({"input_dirs": f"{self._context.storage.staging_fault}: {error}"}) from error
        for note in staged.notes:
            log.info("job %s: %s", request.jid, note, extra=of_record(record))
        return staged

    def _make_outputs(self, request: JobRequest, user: User | None) -> None:
        job = self._context.storebase.job(request.jid)
        self._context.storage.make_outputs(job, request, user)
        if self._context.engine.by_path and job.exists():  # what is used in place needs no directory of its own
            job.allow_traversal(user)

    def _signed(self, jid: JobId, digest: str, claim: str) -> str:
        return signed_request(self._context, JobKind.PLUGIN.engine_name(jid), digest, claim)

    def _choose_user(self) -> User | None:
        return self._context.options.user.choose() if self._context.options.user else None

    def _spec(self, jid: JobId, request: JobRequest, user: User | None, request_key: str) -> JobSpec:
        options = self._context.options
        limited = not options.ignore_limits
        return JobSpec(
            name=JobKind.PLUGIN.engine_name(jid),
            jid=jid,
            kind=JobKind.PLUGIN,
            image=request.image,
            argv=plugin_argv(request),
            env=(*request.env, *((("HOME", "/tmp"),) if options.home_workaround else ())),  # noqa: S108 - the contract's
            mounts=self._context.storage.mounts(self._context.storebase.job(jid), request),
            resources=Resources(
                cpu=request.cpu_limit if limited else None,
                memory=request.memory_limit if limited else None,
                gpus=request.gpu_limit,
                workers=request.number_of_workers,
                shm=options.shm,
                pids=options.pids,
                time_limit=request.time_limit or options.timelimit,
            ),
            user=user,
            labels=options.labels,
            request=request_key,
            service=self._context.signer.service_id(),
            request_id=current_request_id(),
            paths=DataPaths(tuple(map(str, request.input_dirs)), str(request.output_dir or "")),
        )

    def _submission(self, record: Record, info: JobInfo) -> Submission:
        path = str(self._context.storebase.job(record.jid).incoming)
        return Submission(info, record.nfiles, path, datetime.fromtimestamp(record.changed_at, UTC))


def _lines(notes: tuple[str, ...]) -> list[str]:
    """Return each note as one line: a name may contain a line break."""
    return [" ".join(note.splitlines()) for note in notes]


def _listed(paths: Sequence[PurePosixPath]) -> str:
    """Return the first three paths as a text."""
    more = f" and {len(paths) - _MAX_LISTED} others" if len(paths) > _MAX_LISTED else ""
    return ", ".join(repr(str(path)) for path in paths[:_MAX_LISTED]) + more


def _deleted(jid: JobId) -> Conflict:
    return Conflict(f"job {jid} was deleted or cancelled while its inputs were staged")
