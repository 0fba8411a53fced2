"""Which job on an engine is this pfcon's: that of a record by its request, others by the signature of theirs."""

from pfcon.compute.base import Mine
from pfcon.errors import Foreign
from pfcon.jobs.context import JobContext, request_id
from pfcon.models import JobId, JobKind
from pfcon.records import Phase, Record


def signed_request(context: JobContext, name: str, digest: str, claim: str) -> str:
    """What an engine keeps with a job: it distinguishes one try of a request from the next, and is signed.

    Raises Unreachable while storeBase does not give the key.
    """
    return context.signer.sign(name, request_id(digest, claim))


def that_of(context: JobContext, record: Record) -> Mine:
    """The very job that a record speaks of. One of an earlier release has no signature."""
    if record.spec is not None and record.spec.request:
        requests = {record.spec.request}
    else:
        bare = request_id(record.request, record.claim)
        requests = {bare, context.signer.sign(record.name, bare)}
    return requests.__contains__


def end_on_former_engine(context: JobContext, record: Record) -> None:
    """End an operation that was given to the engine of another PFCON_OP_IMAGE. Raises Unreachable."""
    former = context.kinds[record.kind].former_engine(context)
    if record.spec is None or former is None:
        return
    if bool(record.spec.image) != bool(context.options.op_image):
        former.remove(record.name, that_of(context, record))


def any_of_ours(context: JobContext, name: str, *records: Record | None) -> Mine:
    """Every job that a service of this storeBase has made under a name, recorded or not."""
    known = [that_of(context, record) for record in records if record is not None]
    return lambda request: context.signer.has_signed(name, request) or any(mine(request) for mine in known)


def in_the_way(context: JobContext, name: str, found: Foreign) -> Foreign:
    """The error for a client that asks for a job of another service: it names that service alone.

    The id is what the engine shows; a job that shows this service's own was not made by it all the same.
    """
    own = not found.service or found.service == context.signer.service_id()
    service = "another pfcon service" if own else f"another pfcon service ({found.service})"
    message = (
        f"{service} has a job named {name} on this engine, which this one ({context.signer.service_id()}) neither "
        "shows nor touches: end and delete it there; and give each CUBE a prefix of its own for its job ids, or each "
        "pfcon an engine of its own"
    )
    return Foreign(message, service=found.service, ended=found.ended)


def was_ours(context: JobContext, jid: JobId, kind: JobKind, *kinds: JobKind) -> bool:
    """Whether a record says that this service had that job, or one of the other kinds: then it was removed.

    So is an operation whose name an earlier release gave to a plugin job of this service, which has it still.
    """
    if any(context.journal.get(jid, one) for one in (kind, *kinds)):
        return True
    name = kind.engine_name(jid)
    same = context.journal.get(JobId(name), JobKind.PLUGIN)
    return same is not None and same.name == name and same.phase is not Phase.REMOVED
