"""The description of the process engine."""

from collections.abc import Iterator
from dataclasses import dataclass

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.settings import HOST, ComputeSettings, JobOption
from pfcon.settings import kinds
from pfcon.settings.section import setting, variable
from pfcon.settings.variable import Mode, Values


@dataclass(frozen=True)
class ProcessSettings:
    """Whether a production service may run jobs without isolation."""

    allowed: bool = setting(
        "PFCON_ALLOW_PROCESS",
        kinds.boolean(),
        "Allows `CONTAINER_ENV=process` in production; it runs jobs without isolation, as the service's own user.",
        default="false",
    )


def _is_allowed(values: Values, mode: Mode) -> Iterator[str]:
    """Refuse this engine in production, because its jobs can do whatever the service can."""
    if mode is Mode.PRODUCTION and values.get(variable(ProcessSettings, "allowed")) is False:
        yield values.fault(
            variable(ComputeSettings, "engine"),
            "which runs jobs without isolation, as this service's own user; in production, this requires "
            "PFCON_ALLOW_PROCESS=true",
        )


def _make(context: EngineContext[ProcessSettings]) -> ComputeEngine:
    from pfcon.compute.process.engine import ProcessEngine

    return ProcessEngine(context.storebase, log_bytes=context.compute.log_bytes)


PROCESS = EngineDescription(
    name="process",
    title="processes of this machine, without isolation",
    make=_make,
    settings=ProcessSettings,
    volume_types=(HOST,),
    options=frozenset({JobOption.USER, JobOption.PIDS}),
    sees_storebase_here=True,
    rules=_is_allowed,
)
