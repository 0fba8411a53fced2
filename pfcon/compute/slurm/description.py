"""The description of the slurm engine."""

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.settings import HOST, JobOption
from pfcon.compute.slurm.settings import SlurmSettings


def _make(context: EngineContext[SlurmSettings]) -> ComputeEngine:
    from pfcon.compute.slurm.commands import require_tools
    from pfcon.compute.slurm.engine import SlurmEngine
    from pfcon.compute.slurm.launchers import require_launcher

    require_launcher(context.own)
    require_tools(context.own.prefix)
    return SlurmEngine(context.compute, context.own, context.storebase)


SLURM = EngineDescription(
    name="slurm",
    title="a Slurm cluster, one batch job for each job",
    make=_make,
    settings=SlurmSettings,
    volume_types=(HOST,),
    requires=frozenset({JobOption.TIME_LIMIT}),
)
