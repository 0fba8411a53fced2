"""The description of the swarm engine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.docker_api.settings import DockerSettings
from pfcon.compute.settings import HOST, JobOption, node_selector
from pfcon.settings.section import variable
from pfcon.settings.variable import Mode, Values

# What a placement constraint may have (SwarmKit, manager/constraint/constraint.go).
_KEY = re.compile(r"[A-Za-z0-9_.-]+")
_VALUE = re.compile(r"[A-Za-z0-9:_./-]+")


@dataclass(frozen=True)
class SwarmSettings(DockerSettings):
    """The address of a manager, and the nodes that run jobs."""

    node_selector: tuple[tuple[str, str], ...] = node_selector()


def _rules(values: Values, _mode: Mode) -> Iterator[str]:
    """Check the labels of nodes: Swarm accepts only certain characters."""
    known = variable(SwarmSettings, "node_selector")
    for key, value in values.get(known) or ():
        if not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
            yield values.fault(known, f"Swarm does not accept the constraint {f'node.labels.{key}=={value}'!r}")


def _make(context: EngineContext[SwarmSettings]) -> ComputeEngine:
    from pfcon.compute.swarm.engine import SwarmEngine

    selector = context.own.node_selector
    return SwarmEngine(context.compute, context.own, context.storebase.root, node_selector=selector)


SWARM = EngineDescription(
    name="swarm",
    title="a Docker Swarm, one service for each job",
    make=_make,
    settings=SwarmSettings,
    volume_types=(HOST,),
    options=frozenset({JobOption.USER, JobOption.SHM, JobOption.PIDS, JobOption.LABELS}),
    rules=_rules,
)
