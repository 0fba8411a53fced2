"""Which job on an engine is this pfcon's: that of a record by its request, others by the signature of theirs."""

from pfcon.compute.base import Mine
from pfcon.jobs.parts import Parts, request_id
from pfcon.records import Record


def signed_request(parts: Parts, name: str, digest: str, claim: str) -> str:
    """What an engine keeps with a job: it tells one try of a request from the next, and is signed.

    Raises Unreachable while storeBase does not give the key.
    """
    return parts.signer.sign(name, request_id(digest, claim))


def that_of(parts: Parts, record: Record) -> Mine:
    """The very job that a record speaks of. One of an earlier release has no signature."""
    if record.spec is not None and record.spec.request:
        requests = {record.spec.request}
    else:
        bare = request_id(record.request, record.claim)
        requests = {bare, parts.signer.sign(record.name, bare)}
    return requests.__contains__


def any_of_ours(parts: Parts, name: str, *records: Record | None) -> Mine:
    """Every job that a service of this storeBase has made under a name, recorded or not."""
    known = [that_of(parts, record) for record in records if record is not None]
    return lambda request: parts.signer.has_signed(name, request) or any(mine(request) for mine in known)
