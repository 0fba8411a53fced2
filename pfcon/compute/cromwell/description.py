"""The description of the cromwell engine."""

from collections.abc import Iterator
from dataclasses import dataclass

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.settings import HOST, ComputeSettings, JobField, JobOption
from pfcon.settings import kinds
from pfcon.settings.section import setting, variable
from pfcon.settings.variable import Mode, Values

ONE_WORKER = (
    "Cromwell runs each task by itself: it does not start several at the same time, or end the others when one fails"
)
NEEDS_UID = "with Cromwell it names a user: pfcon does not know that of the image, to whom it could add a group"
_ITS_BACKEND = "A backend whose configuration lacks it fails the job, with that reason"
_MAX_LABEL = 255  # characters of a key, and of a value (Label.scala in Cromwell's source)
_OWN_LABELS = ("pfcon-", "cromwell-")


def label_fault(key: str, value: str) -> str:
    """Return why a label can't be one of pfcon's workflows; ``""`` if it can."""
    if key.startswith(_OWN_LABELS):
        return f"{key} begins like the labels of pfcon and of Cromwell itself"
    if len(key) > _MAX_LABEL or len(value) > _MAX_LABEL:
        return f"Cromwell accepts at most {_MAX_LABEL} characters in the key and in the value of {key}"
    return ""


@dataclass(frozen=True)
class CromwellSettings:
    """Where the Cromwell server is."""

    url: str = setting("CROMWELL_URL", kinds.url(), "The Cromwell server.", note="required", required=True)


def _rules(values: Values, _mode: Mode) -> Iterator[str]:
    labels, user = variable(ComputeSettings, "labels"), variable(ComputeSettings, "user")
    for label in values.get(labels) or ():
        if fault := label_fault(*label):
            yield values.fault(labels, fault)
    wanted = values.get(user)
    if wanted and wanted.uid is None and wanted.gid is not None:
        yield values.fault(user, NEEDS_UID)


def _make(context: EngineContext[CromwellSettings]) -> ComputeEngine:
    from pfcon.compute.cromwell.engine import CromwellEngine

    return CromwellEngine(context.compute, context.own, context.storebase)


CROMWELL = EngineDescription(
    name="cromwell",
    title="a Cromwell server, one workflow for each job",
    make=_make,
    settings=CromwellSettings,
    volume_types=(HOST,),
    options=frozenset({JobOption.USER, JobOption.SHM, JobOption.LABELS}),
    requires=frozenset({JobOption.TIME_LIMIT}),
    lacks={
        JobOption.PIDS: "Only Cromwell's backend can limit processes; Apptainer can't where users have no cgroups of "
        "their own",
        JobOption.NODES: "Cromwell's backend alone knows the nodes: choose them in its configuration",
        JobField.WORKERS: ONE_WORKER,
    },
    notes={
        JobOption.USER: f"As the runtime attribute `pfcon_user`, for a backend with Docker or Podman. {_ITS_BACKEND}",
        JobOption.SHM: f"As the runtime attribute `pfcon_shm`, for a backend with Docker or Podman. {_ITS_BACKEND}",
        JobField.GPUS: f"As the runtime attribute `gpuCount`. {_ITS_BACKEND}",
    },
    rules=_rules,
)
