"""What the end of a job means, kind by kind; and what its progress is until then."""

import logging
from dataclasses import dataclass, field, replace

from pfcon.errors import PfconError
from pfcon.files.removal import NotRemovedError
from pfcon.files.unreadable import Unreadable
from pfcon.jobs.parts import Parts
from pfcon.jobs.repetition import with_run
from pfcon.jobs.trash import remove_remains
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus
from pfcon.progress import read_progress
from pfcon.records import Record

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conclusion:
    """The final state, and what else goes into the record (columns)."""

    info: JobInfo
    values: dict[str, str | int] = field(default_factory=dict)


def present(parts: Parts, record: Record, info: JobInfo) -> JobInfo:
    """What is told of a job that goes on: an operation says itself how far it has come."""
    if record.kind is JobKind.PLUGIN or info.status.final:
        return info
    progress = read_progress(parts.storebase.job(record.jid), record.kind)
    message = progress.message if progress else info.message
    return replace(info, message=with_run(record.spec, message) if record.spec else message)


def conclude(parts: Parts, record: Record, spec: JobSpec, info: JobInfo) -> Conclusion:
    """The end of a job as the engine tells it, and what it left. Repeatable."""
    if record.kind is JobKind.PLUGIN:
        unreadable = Unreadable()
        fault = seal_outputs(parts, record.jid, spec, unreadable)
        first = [unreadable.told()] if unreadable.count else []  # a message has room for few notes
        last = [fault] if fault else []
        return Conclusion(info, {"notes": "\n".join((*first, *record.notes, *last))} if first or last else {})
    job = parts.storebase.job(record.jid)
    progress = read_progress(job, record.kind)
    if info.status is not JobStatus.SUCCEEDED:
        said = progress is not None and progress.failed
        return Conclusion(replace(info, message=progress.message) if progress and said else info)
    if record.kind is JobKind.DELETE:
        return Conclusion(_deleted(parts, record, info, with_run(spec, progress.message if progress else "")))
    if record.kind is JobKind.COPY and not job.is_staged():
        lost = "the copy job ended well, but left no inputs behind; post it again"
        return Conclusion(replace(info, status=JobStatus.FAILED, message=lost))
    if progress is None:
        return Conclusion(info)
    values: dict[str, str | int] = {"nfiles": progress.nfiles, "notes": "\n".join(progress.notes)}
    return Conclusion(replace(info, message=with_run(spec, progress.message)), values)


def seal_outputs(parts: Parts, jid: JobId, spec: JobSpec, unreadable: Unreadable | None = None) -> str:
    """Take from a plugin job's outputs what it must not leave there; what stays, as one line. Repeatable.

    unreadable: takes what of them can't be read.
    """
    try:
        parts.storage.seal_outputs(parts.storebase.job(jid), spec.outputs, unreadable)
    except (PfconError, OSError, NotRemovedError) as error:
        log.warning("job %s: what it must not leave among its outputs stays: %s", jid, error)
        return " ".join(f"what a job must not leave stays among the outputs: {error}".splitlines())
    return ""


def _deleted(parts: Parts, record: Record, info: JobInfo, message: str) -> JobInfo:
    """The operation emptied the job's directory; the directory itself goes here."""
    job = parts.storebase.job(record.jid)
    fault = remove_remains(job)
    if fault:
        return replace(info, status=JobStatus.FAILED, message=f"the job's data could not be deleted: {fault}")
    return replace(info, message=message)
