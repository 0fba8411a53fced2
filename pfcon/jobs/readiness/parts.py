"""The parts of a service, and how each is asked whether it works. None of it starts a job."""

import tempfile

from pfcon.compute.base import ComputeEngine
from pfcon.errors import StorageFull, Unreachable
from pfcon.jobs.context import JobContext
from pfcon.jobs.readiness.probing import Probe, Readiness
from pfcon.jobs.watching.watch import Watch
from pfcon.models import JobId, JobKind
from pfcon.units import human_bytes

_NOBODY = JobId("pfcon-ready")  # a jid that need not exist


def make_readiness(context: JobContext, watch: Watch) -> Readiness:
    """Return the readiness of a service process."""
    probes: dict[str, Probe] = {
        "records": lambda: _records(context),
        "storebase": lambda: _storebase(context),
        "storage": context.storage.check,
        "engine": lambda: _engine(context.engine),
        "keeper": lambda: _keeper(watch),
    }
    if context.operations is not context.engine:
        probes["operations"] = lambda: _engine(context.operations)
    return Readiness(probes)


def _records(context: JobContext) -> str:
    context.journal.get(_NOBODY, JobKind.PLUGIN)
    return "the database answers"


def _storebase(context: JobContext) -> str:
    """Write to storeBase, as each job does. Raises StorageFull, Unreachable."""
    try:
        with tempfile.TemporaryFile(dir=context.storebase.spool) as file:
            file.write(b"pfcon")
            file.flush()
        free = context.storebase.free_bytes()
    except OSError as fault:
        raise Unreachable(f"can't be written: {fault.strerror}") from fault
    must_stay = context.storage_settings.limits.free_bytes
    if free <= must_stay:
        raise StorageFull(f"{human_bytes(free)} free, and {human_bytes(must_stay)} must stay free")
    return f"writable, {human_bytes(free)} free"


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
    return "this process watches the jobs" if watch.leads else "another process watches the jobs"
