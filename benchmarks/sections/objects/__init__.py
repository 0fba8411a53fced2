"""Copy and upload jobs with storages ``swift`` and ``s3``, beside ``swift`` and ``aws s3 cp`` on the same server."""

from benchmarks.objects import object_stores
from benchmarks.report import Table
from benchmarks.sections.objects import fetching, uploading
from benchmarks.session import Session

NOTES = [
    "the store: OpenStack Swift with s3api as one process on loopback, on the file system that is measured; it takes "
    "about half of the machine, and for small objects it is what limits everybody.",
    "operation: `python -m pfcon.operations copy` or `upload` as a program of its own, from its start to its end; "
    "beside: the whole command. Medians of interleaved runs whose order changes, each after sync(2), into fresh "
    "directories or below fresh prefixes.",
]


def measure(session: Session) -> Table:
    """All that there is to measure of object stores."""
    table = Table("Object stores: beside swift and aws s3", notes=list(NOTES))
    with object_stores(session) as stores:
        fetching.measure(session, stores, table)
        uploading.measure(session, stores, table)
    return table
