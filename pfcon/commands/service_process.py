"""A command that acts as a process of the service: on its jobs, data and records."""

from collections.abc import Iterator
from contextlib import contextmanager

from pfcon.background import REMOVALS, Ticker
from pfcon.configuration import Settings
from pfcon.jobs.context import JobContext
from pfcon.jobs.make_context import make_context
from pfcon.paths import StoreBase
from pfcon.records.lease import LEASE


def context_of(settings: Settings) -> JobContext:
    """Return the context of a service process with these settings."""
    return make_context(settings, StoreBase(settings.storage.storebase_mount, settings.storage.passable))


@contextmanager
def service_process(context: JobContext) -> Iterator[None]:
    """A context in which this process has a lease: others leave to it what it removes. At its end, all is deleted.

    Raises Unreachable, StorageFull.
    """
    journal = context.journal
    journal.renew_lease()
    ticker = Ticker("lease", LEASE / 3, journal.renew_lease)
    try:
        yield
        REMOVALS.wait()
    finally:
        ticker.stop(wait=True)  # a renewal after the end would bring the lease back
        journal.end_lease()
