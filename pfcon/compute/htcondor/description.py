"""The description of the htcondor engine."""

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.settings import HOST, JobOption


def _make(context: EngineContext[HTCondorSettings]) -> ComputeEngine:
    from pfcon.compute.htcondor.commands import require_tools
    from pfcon.compute.htcondor.engine import HTCondorEngine
    from pfcon.compute.slurm.launchers import require_launcher

    require_launcher(context.own.node_side, "HTCONDOR_LAUNCHER")
    require_tools(context.own.prefix)
    return HTCondorEngine(context.compute, context.own, context.storebase)


HTCONDOR = EngineDescription(
    name="htcondor",
    title="an HTCondor pool, a job of the vanilla universe for each worker of a job",
    make=_make,
    settings=HTCondorSettings,
    volume_types=(HOST,),
    options=frozenset({JobOption.LABELS}),
    requires=frozenset({JobOption.TIME_LIMIT}),
)
