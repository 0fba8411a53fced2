"""The description of the htcondor engine."""

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.settings import HOST, JobField, JobOption


def _make(context: EngineContext[HTCondorSettings]) -> ComputeEngine:
    from pfcon.compute.htcondor.commands import require_tools
    from pfcon.compute.htcondor.engine import HTCondorEngine

    require_tools(context.own.prefix)
    return HTCondorEngine(context.compute, context.own, context.storebase)


HTCONDOR = EngineDescription(
    name="htcondor",
    title="an HTCondor pool, one job of the vanilla universe for each job",
    make=_make,
    settings=HTCondorSettings,
    volume_types=(HOST,),
    options=frozenset({JobOption.LABELS}),
    lacks={
        JobOption.USER: "HTCondor runs a job as the user who submits it",
        JobOption.SHM: "The machines decide on the size of /dev/shm",
        JobOption.PIDS: "The machines limit the processes of their users: HTCondor has no such limit for a job",
        JobOption.NODES: "Machines of HTCondor have attributes, which `HTCONDOR_REQUIREMENTS` asks for",
        JobField.WORKERS: "pfcon runs a job as one job of HTCondor, which has one command",
    },
    requires=frozenset({JobOption.TIME_LIMIT}),
)
