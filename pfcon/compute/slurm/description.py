"""The description of the slurm engine."""

import re
from collections.abc import Iterator

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.settings import HOST, ComputeSettings, JobField, JobOption
from pfcon.compute.slurm.settings import SlurmSettings
from pfcon.settings.section import variable
from pfcon.settings.variable import Mode, Values

# Parts of a feature's name that sbatch takes for no operator ("--constraint").
_FEATURE = re.compile(r"[A-Za-z0-9_./+-]+")
_COUNTED = re.compile(r"[*\[\]]")


def _make(context: EngineContext[SlurmSettings]) -> ComputeEngine:
    from pfcon.compute.slurm.abilities import require_options
    from pfcon.compute.slurm.commands import require_tools
    from pfcon.compute.slurm.engine import SlurmEngine
    from pfcon.compute.slurm.launchers import launcher_of
    from pfcon.compute.slurm.required import require_node_side
    from pfcon.compute.slurm.submitting_user import local_user

    require_node_side(context.own)
    launcher = launcher_of(context.own)
    submitter = local_user(context.own.prefix)
    require_options(context.compute, launcher.gives, f"SLURM_LAUNCHER={launcher.name}", submitter)
    require_tools(context.own.prefix)
    return SlurmEngine(context.compute, context.own, context.storebase)


def _rules(values: Values, _mode: Mode) -> Iterator[str]:
    """Check labels of jobs, which are in a comment, labels of nodes, which are features, and what would be ignored."""
    from pfcon.compute.slurm.required import doubled_options, unused_cdi, unused_mpi
    from pfcon.compute.slurm.spec import LABEL_BYTES, label_text

    known = variable(ComputeSettings, "labels")
    text = label_text(dict(values.get(known) or ()))
    if not text.isprintable():
        yield values.fault(known, "Slurm shows them in a comment of one line: they must be printable")
    if len(text.encode()) > LABEL_BYTES:
        yield values.fault(known, f"on Slurm they have at most {LABEL_BYTES} bytes together")
    yield from _node_rules(values)
    yield from unused_cdi(values, SlurmSettings)
    yield from unused_mpi(values)
    yield from doubled_options(values)


def _node_rules(values: Values) -> Iterator[str]:
    selector, constraint = variable(SlurmSettings, "node_selector"), variable(SlurmSettings, "constraint")
    labels = values.get(selector) or ()
    for key, value in labels:
        if not _FEATURE.fullmatch(key) or not _FEATURE.fullmatch(value):
            yield values.fault(selector, f"{key}={value} can't be a feature of a node in Slurm")
    if labels and _COUNTED.search(values.get(constraint) or ""):
        yield values.fault(
            selector, "it can't be combined with brackets or counts in SLURM_CONSTRAINT: put the features there"
        )


SLURM = EngineDescription(
    name="slurm",
    title="a Slurm cluster, one batch job for each job",
    make=_make,
    settings=SlurmSettings,
    volume_types=(HOST,),
    options=frozenset({JobOption.USER, JobOption.SHM, JobOption.LABELS}),
    lacks={
        JobOption.PIDS: "The nodes limit the processes of their users: Slurm has no such limit for a job",
    },
    notes={
        JobOption.USER: "With some launchers: see the page of the engine",
        JobOption.SHM: "Not with every launcher: see the page of the engine",
        JobOption.LABELS: "In the comment of the Slurm job",
        JobOption.NODES: "Features of the nodes",
        JobField.GPUS: "Not with every launcher: see the page of the engine",
        JobField.WORKERS: "Not with `SLURM_LAUNCHER=container`",
    },
    rules=_rules,
    requires=frozenset({JobOption.TIME_LIMIT}),
)
