"""The description of the htcondor engine."""

import re
from collections.abc import Iterator

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.settings import HOST, JobField, JobOption
from pfcon.settings.section import variable
from pfcon.settings.variable import Mode, Values

_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _make(context: EngineContext[HTCondorSettings]) -> ComputeEngine:
    from pfcon.compute.htcondor.commands import require_tools
    from pfcon.compute.htcondor.engine import HTCondorEngine
    from pfcon.compute.slurm.abilities import require_options
    from pfcon.compute.slurm.launchers import launcher_of
    from pfcon.compute.slurm.names import HTCONDOR as NAMES
    from pfcon.compute.slurm.required import require_node_side
    from pfcon.compute.slurm.submitting_user import local_user

    own = context.own.node_side
    require_node_side(own, NAMES)
    submitter = local_user(context.own.prefix)
    if submitter and submitter[0] == 0:
        submitter = None  # HTCondor refuses each job of root: ``check`` says that
    launcher = f"{NAMES.launcher}={own.launcher}"
    require_options(context.compute, launcher_of(own).gives, launcher, submitter, root=False)
    require_tools(context.own.prefix)
    return HTCondorEngine(context.compute, context.own, context.storebase)


def _rules(values: Values, _mode: Mode) -> Iterator[str]:
    """Check the labels of nodes, which are attributes of machines, and that the launcher uses the CDI file."""
    from pfcon.compute.slurm.names import HTCONDOR as NAMES
    from pfcon.compute.slurm.required import unused_cdi

    yield from unused_cdi(values, HTCondorSettings, NAMES)
    known = variable(HTCondorSettings, "node_selector")
    for key, value in values.get(known) or ():
        if not _ATTRIBUTE.fullmatch(key) or not value.isprintable():
            yield values.fault(known, f"{key}={value!r} can't be an attribute of a machine in HTCondor")


HTCONDOR = EngineDescription(
    name="htcondor",
    title="an HTCondor pool, a job of the vanilla universe for each worker of a job",
    make=_make,
    settings=HTCondorSettings,
    volume_types=(HOST,),
    options=frozenset({JobOption.USER, JobOption.SHM, JobOption.LABELS}),
    lacks={
        JobOption.PIDS: "The machines limit the processes of their users: HTCondor has no such limit for a job",
    },
    notes={
        JobOption.USER: "With some launchers: see the page of the engine",
        JobOption.SHM: "Not with every launcher: see the page of the engine",
        JobOption.LABELS: "Attributes of the job",
        JobOption.NODES: "Attributes of the machines",
        JobField.GPUS: "Not with every launcher: see the page of the engine",
    },
    rules=_rules,
    requires=frozenset({JobOption.TIME_LIMIT}),
)
