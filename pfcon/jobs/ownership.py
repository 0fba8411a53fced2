"""Identifies this service's jobs on an engine: the job of a record by its request, other jobs by their signature.

A matcher (``Mine``) takes what an engine keeps as a job's request, and returns whether the job is the caller's.
"""

from pfcon.compute.base import Mine
from pfcon.errors import Foreign
from pfcon.jobs.context import JobContext, request_id
from pfcon.models import JobId, JobKind
from pfcon.records import Phase, Record


def signed_request(context: JobContext, name: str, digest: str, claim: str) -> str:
    """Return the text that an engine keeps with a job: it identifies one attempt of a request, and is signed.

    Raises Unreachable while the key can't be read from storeBase.
    """
    return context.signer.sign(name, request_id(digest, claim))


def job_matcher(context: JobContext, record: Record) -> Mine:
    """Return a matcher of the one job of a record. A job of an earlier release has no signature."""
    if record.spec is not None and record.spec.request:
        requests = {record.spec.request}
    else:
        bare = request_id(record.request, record.claim)
        requests = {bare, context.signer.sign(record.name, bare)}
    return requests.__contains__


def end_on_former_engine(context: JobContext, record: Record) -> None:
    """Remove an operation from the engine that it has with another PFCON_OP_IMAGE. Idempotent. Raises Unreachable."""
    former = context.kinds[record.kind].former_engine(context)
    if record.spec is None or former is None:
        return
    if bool(record.spec.image) != bool(context.options.op_image):
        former.remove(record.name, job_matcher(context, record))


def service_matcher(context: JobContext, name: str, *records: Record | None) -> Mine:
    """Return a matcher of all jobs of a name that services of this storeBase have created, and of ``records``."""
    known = [job_matcher(context, record) for record in records if record is not None]
    return lambda request: context.signer.has_signed(name, request) or any(mine(request) for mine in known)


def foreign_job_error(context: JobContext, name: str, found: Foreign) -> Foreign:
    """Return the error for a client that asks for a job of another service; it contains only that service's id.

    The id is the one that the engine reports. A job that has this service's id without its signature is not its own.
    """
    own = not found.service or found.service == context.signer.service_id()
    service = "another pfcon service" if own else f"another pfcon service ({found.service})"
    message = (
        f"{service} has a job named {name} on this engine, which this one ({context.signer.service_id()}) neither "
        "shows nor changes: cancel and delete it there; and give each CUBE its own prefix of job ids, or each pfcon "
        "its own engine"
    )
    return Foreign(message, service=found.service, ended=found.ended)


def was_of_this_service(context: JobContext, jid: JobId, kind: JobKind, *kinds: JobKind) -> bool:
    """Return whether this service has a record of the job, or of one of the other kinds, so that the job was its own.

    True also for an operation whose name is, from an earlier release, the name of a plugin job of this service.
    """
    if any(context.journal.get(jid, one) for one in (kind, *kinds)):
        return True
    name = kind.engine_name(jid)
    same = context.journal.get(JobId(name), JobKind.PLUGIN)
    return same is not None and same.name == name and same.phase is not Phase.REMOVED
