"""Running an operation again that was interrupted.

An operation may end together with the service beside which it runs, with its node, or with its engine. To its client a
failure would mean that the data can't be had, and that all is to be given up. Copy, upload and delete jobs are
idempotent: a further run continues with what exists. So pfcon begins that by itself, a bounded number of times, and
the job is undefined afterwards, which asks its client to post it again. What an operation itself reports as its
failure stays one.
"""

import logging
from dataclasses import replace

from pfcon.errors import StorageFull
from pfcon.jobs.context import JobContext
from pfcon.jobs.operations import operation_spec
from pfcon.jobs.ownership import end_on_former_engine, signed_request, that_of
from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.records import Record, new_claim

log = logging.getLogger(__name__)

RUNS = 5  # of one operation, the first included


def run_again(context: JobContext, record: Record, spec: JobSpec, info: JobInfo, logs: str) -> JobInfo:
    """Write down that an interrupted operation is to run again; recovery begins it. Returns its state.

    Its code, image and secrets are those of this service, which may be of another release than the one that began it.
    After RUNS it is undefined, which the caller has to write down. What the engine has ended has started, whether
    that was seen or not. Raises Unreachable.
    """
    end_on_former_engine(context, record)  # which may run it: two at the same time would conflict
    if spec.attempt >= RUNS:
        message = f"interrupted in each of its {RUNS} runs, at last: {info.message}; post it again to go on with it"
        return replace(info, status=JobStatus.UNDEFINED, message=message)
    if not context.signer.has_signed(spec.name, spec.request):  # an earlier release's: only its record knows it
        context.engine_of(record.kind).remove(spec.name, that_of(context, record))
    claim = new_claim()
    request = signed_request(context, spec.name, record.request, claim)
    fresh = operation_spec(context, record.jid, record.kind, request, spec.resources)
    again = replace(fresh, name=spec.name, attempt=spec.attempt + 1)
    message = f"interrupted: {info.message}; it is run again (run {again.attempt} of {RUNS})"
    try:
        values = {"spec": again.to_json(), "status": JobStatus.STARTED.value, "message": message, "logs": logs}
        context.journal.begin_again(record, claim, **values)
    except StorageFull as error:  # the engine keeps the end: the next look tries again
        log.warning("job %s: it was interrupted, and can't be run again yet: %s", record.name, error)
        message += " once storeBase has room"
    return replace(info, status=JobStatus.STARTED, message=message, finished_at=None)


def with_run(spec: JobSpec, message: str) -> str:
    """An operation's message with the number of its run, unless that is the first one."""
    if spec.attempt == 1:
        return message
    return f"{message} (run {spec.attempt} of {RUNS}, for it was interrupted)".lstrip()
