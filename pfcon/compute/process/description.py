"""The description of the process engine."""

from collections.abc import Iterator
from dataclasses import dataclass

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.settings import HOST, ComputeSettings, JobField, JobOption
from pfcon.errors import ConfigurationError
from pfcon.settings import kinds
from pfcon.settings.section import setting, variable
from pfcon.settings.variable import Mode, Values


@dataclass(frozen=True)
class ProcessSettings:
    """Whether a production service may run jobs without isolation, and the GPUs of jobs."""

    allowed: bool = setting(
        "PFCON_ALLOW_PROCESS",
        kinds.boolean(),
        "Allows `CONTAINER_ENV=process` in production; it runs jobs without isolation, as the service's own user.",
        default="false",
    )

    gpus: tuple[str, ...] = setting(
        "PROCESS_GPUS",
        kinds.names("numbers or UUIDs of GPUs, separated by commas, each once", r"[A-Za-z0-9._/-]{1,200}"),
        "The GPUs of this machine that jobs may have, as in `CUDA_VISIBLE_DEVICES`.",
        note="none",
        unset=(),
        exclusive=True,
    )


def _is_allowed(values: Values, mode: Mode) -> Iterator[str]:
    """Refuse this engine in production, because its jobs can do whatever the service can."""
    if mode is Mode.PRODUCTION and values.get(variable(ProcessSettings, "allowed")) is False:
        yield values.fault(
            variable(ComputeSettings, "engine"),
            "which runs jobs without isolation, as this service's own user; in production, this requires "
            "PFCON_ALLOW_PROCESS=true",
        )


def require_shm() -> None:
    """Raise ConfigurationError if this machine can't give jobs a /dev/shm of their own."""
    from pfcon.compute.process import shm
    from pfcon.compute.process.spec import NO_SHM

    if fault := shm.fault():
        raise ConfigurationError([f"SHM_SIZE: {NO_SHM} ({fault})"])


def _make(context: EngineContext[ProcessSettings]) -> ComputeEngine:
    from pfcon.compute.process.engine import ProcessEngine

    if context.compute.shm and context.compute.engine == PROCESS.name:  # not if it runs the operations of another one
        require_shm()
    return ProcessEngine(context.storebase, log_bytes=context.compute.log_bytes, gpus=context.own.gpus)


def _rules(values: Values, mode: Mode) -> Iterator[str]:
    yield from _is_allowed(values, mode)
    known = variable(ProcessSettings, "gpus")
    gpus = values.get(known) or ()
    if len({*gpus}) < len(gpus):
        yield values.fault(known, "which names a GPU twice")


PROCESS = EngineDescription(
    name="process",
    title="processes of this machine, without isolation",
    make=_make,
    settings=ProcessSettings,
    volume_types=(HOST,),
    options=frozenset({JobOption.USER, JobOption.SHM, JobOption.PIDS, JobOption.LABELS}),
    lacks={
        JobOption.NODES: "Jobs run on the machine of the service",
    },
    notes={
        JobOption.USER: "The service must be root",
        JobOption.SHM: "The service must be root, or the machine must have user namespaces for all users",
        JobOption.LABELS: "In the file `spec.json` of the job's directory, `.pfcon/process/<name>`",
        JobField.CPU: "In whole cores",
        JobField.MEMORY: "The processes of a job are measured twice a second or more often: a short peak is not seen",
        JobField.GPUS: "Those of `PROCESS_GPUS`: without it, jobs with GPUs are refused",
    },
    sees_storebase_here=True,
    rules=_rules,
)
