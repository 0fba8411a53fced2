"""What pfcon has to know of the toy engine before it is made: the entry point in pyproject.toml names ``TOY``."""

from dataclasses import dataclass

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.settings import HOST
from pfcon.settings import kinds, setting


@dataclass(frozen=True)
class ToySettings:
    """The settings of the toy engine."""

    grace: int = setting(
        "TOY_GRACE",
        kinds.number(1, 600, "seconds"),
        "Time that a cancelled job has to end by itself, before it is killed.",
        default="5",
    )


def make(context: EngineContext[ToySettings]) -> ComputeEngine:
    """The engine, which is imported when it is asked for."""
    from pfcon_toy.engine import ToyEngine

    return ToyEngine(context.storebase, grace=context.own.grace, log_bytes=context.compute.log_bytes)


TOY = EngineDescription(
    name="toy",
    title="processes of this machine, to learn from",
    make=make,
    settings=ToySettings,
    volume_types=(HOST,),
    sees_storebase_here=True,
)
