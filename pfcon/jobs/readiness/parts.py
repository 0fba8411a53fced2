"""The parts of a service, and how each is asked whether it works. None of it starts a job."""

import time

from pfcon.compute.base import ComputeEngine
from pfcon.errors import Unreachable
from pfcon.jobs.context import JobContext
from pfcon.jobs.readiness.probing import PartState, Probe, Readiness
from pfcon.jobs.readiness.storebase import StorebaseProbe
from pfcon.jobs.watching.watch import Watch
from pfcon.models import JobId, JobKind
from pfcon.records.lease import LEASE

RECORDS, STOREBASE, KEEPER = "records", "storebase", "keeper"
# The keeper is known without asking; that nothing can be written shows after LEASE, and must be seen soon after.
_KEPT = {KEEPER: 0.0, RECORDS: 4.0}  # seconds
_NOBODY = JobId("pfcon-ready")  # a jid that need not exist


def make_readiness(context: JobContext, watch: Watch) -> Readiness:
    """Return the readiness of a service process."""
    probes: dict[str, Probe] = {
        RECORDS: lambda: _records(context),
        STOREBASE: StorebaseProbe(context.storebase, context.storage_settings.limits.free_bytes),
        "storage": context.storage.check,
        "engine": lambda: _engine(context.engine),
        KEEPER: lambda: _keeper(watch),
    }
    if context.operations is not context.engine:
        probes["operations"] = lambda: _engine(context.operations)
    return Readiness(probes, kept_of=_KEPT)


def traffic_states(readiness: Readiness) -> tuple[dict[str, PartState], bool]:
    """Return the parts without which hardly any request can be answered, and whether this process should get requests.

    It should not while one of them is away: another process, on another host, may reach it. Lack of space is no reason:
    clients make room by deleting jobs. Neither is an engine, which is away for all processes alike.
    """
    states = readiness.states((RECORDS, STOREBASE))
    return states, all(state.ok or state.is_full for state in states.values())


def _records(context: JobContext) -> str:
    """Read, and require that this process could write lately: it renews its lease all the time."""
    context.journal.database.require_own_file()  # first: the words of SQLite about another file say nothing
    context.journal.get(_NOBODY, JobKind.PLUGIN)
    written = context.journal.leased_at
    if written is not None and (seconds := time.monotonic() - written) > LEASE:
        raise Unreachable(f"the database answers, but nothing could be written to it for {seconds:.0f} s")
    return "the database answers"


def _engine(engine: ComputeEngine) -> str:
    engine.require_answer()
    return f"{engine.name} answers"


def _keeper(watch: Watch) -> str:
    """Return how long ago the process that watches all jobs was seen to be at work. Raises Unreachable."""
    seconds = watch.keeper_silence
    if seconds is None:
        raise Unreachable("no process watches the jobs yet")
    if seconds > watch.patience:
        raise Unreachable(f"no process has watched the jobs for {seconds:.0f} s")
    return f"the jobs are watched, by {'this' if watch.leads else 'another'} process of the service"
