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
    lacks={
        JobOption.USER: "Slurm runs a job as the user who submits it",
        JobOption.SHM: "The nodes decide on the size of /dev/shm",
        JobOption.PIDS: "The nodes limit the processes of their users: Slurm has no such limit for a job",
        JobOption.LABELS: "Jobs of Slurm have no labels",
        JobOption.NODES: "Nodes of Slurm have features, which `SLURM_CONSTRAINT` asks for",
    },
    requires=frozenset({JobOption.TIME_LIMIT}),
)
