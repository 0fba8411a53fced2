"""Running an interrupted operation again.

An operation may end together with the service beside which it runs, with its node, or with its engine. If that were
reported as a failure, its client would give up the whole run. Copy, upload and delete jobs are idempotent: another run
resumes the work. So pfcon starts another run itself, at most RUNS in all; after that the job is undefined, and its
client may post it again. A failure that an operation itself reports is final.
"""

import logging
from dataclasses import replace

from pfcon.errors import StorageFull
from pfcon.jobs.about import of_record
from pfcon.jobs.context import JobContext
from pfcon.jobs.operations import operation_spec
from pfcon.jobs.ownership import end_on_former_engine, job_matcher, signed_request
from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.records import Record, new_claim

log = logging.getLogger(__name__)

RUNS = 5  # of one operation, the first included


def run_again(context: JobContext, record: Record, spec: JobSpec, info: JobInfo, logs: str) -> JobInfo:
    """Record that an interrupted operation is to run again; recovery starts it. Returns its state.

    The new run has the code, image and secrets of this service, which may be of another release than the last run. The
    state is STARTED, because a job that has ended has started; after RUNS runs it is UNDEFINED, which the caller has to
    record. Raises Unreachable.
    """
    end_on_former_engine(context, record)  # it may still run on that one: two runs in parallel would conflict
    if spec.attempt >= RUNS:
        message = f"interrupted in each of its {RUNS} runs, the last time: {info.message}; run it again to continue it"
        return replace(info, status=JobStatus.UNDEFINED, message=message)
    if not context.signer.has_signed(spec.name, spec.request):  # of an earlier release: only its record identifies it
        context.engine_of(record.kind).remove(spec.name, job_matcher(context, record))
    claim = new_claim()
    request = signed_request(context, spec.name, record.request, claim)
    fresh = operation_spec(context, record.jid, record.kind, request, spec.resources)
    again = replace(fresh, name=spec.name, attempt=spec.attempt + 1, request_id=spec.request_id, paths=spec.paths)
    message = (
        f"interrupted: {info.message.removeprefix('interrupted: ')}; it will run again (run {again.attempt} of {RUNS})"
    )
    try:
        values = {"spec": again.to_json(), "status": JobStatus.STARTED.value, "message": message, "logs": logs}
        context.journal.begin_again(record, claim, **values)
    except StorageFull as error:  # the engine keeps the end: the next request tries again
        log.warning(
            "job %s: it was interrupted, and can't be run again yet: %s", record.name, error, extra=of_record(record)
        )
        message += " once storeBase has free space"
    details = replace(info.details, exit_code=None)  # that of the last run, not of the job
    return replace(info, status=JobStatus.STARTED, message=message, reason="", finished_at=None, details=details)


def with_run(spec: JobSpec, message: str) -> str:
    """Return an operation's message with the number of its run, unless that is the first one."""
    if spec.attempt == 1:
        return message
    return f"{message} (run {spec.attempt} of {RUNS}, because it was interrupted)".lstrip()
