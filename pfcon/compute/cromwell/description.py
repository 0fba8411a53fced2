"""The description of the cromwell engine."""

from dataclasses import dataclass

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.settings import HOST, JobOption
from pfcon.settings import kinds
from pfcon.settings.section import setting


@dataclass(frozen=True)
class CromwellSettings:
    """Where the Cromwell server is."""

    url: str = setting("CROMWELL_URL", kinds.url(), "The Cromwell server.", note="required", required=True)


def _make(context: EngineContext[CromwellSettings]) -> ComputeEngine:
    from pfcon.compute.cromwell.engine import CromwellEngine

    return CromwellEngine(context.compute, context.own, context.storebase)


CROMWELL = EngineDescription(
    name="cromwell",
    title="a Cromwell server, one workflow for each job",
    make=_make,
    settings=CromwellSettings,
    volume_types=(HOST,),
    requires=frozenset({JobOption.TIME_LIMIT}),
)
