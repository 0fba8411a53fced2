"""The description of the swarm engine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.docker_api.settings import LocalVolumeSettings, no_selector_in_labels
from pfcon.compute.settings import DOCKER_LOCAL_VOLUME, HOST, JobOption, node_selector
from pfcon.settings.section import variable
from pfcon.settings.variable import Mode, Values

# What a placement constraint may have (SwarmKit, manager/constraint/constraint.go).
_KEY = re.compile(r"[A-Za-z0-9_.-]+")
_VALUE = re.compile(r"[A-Za-z0-9:_./-]+")


@dataclass(frozen=True)
class SwarmSettings(LocalVolumeSettings):
    """The address of a manager, how to find storeBase on it, and the nodes that run jobs."""

    node_selector: tuple[tuple[str, str], ...] = node_selector()


def _rules(values: Values, mode: Mode) -> Iterator[str]:
    """Check the labels of jobs, and those of nodes: Swarm accepts only certain characters."""
    yield from no_selector_in_labels(values, mode)
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
    volume_types=(HOST, DOCKER_LOCAL_VOLUME),
    options=frozenset({JobOption.USER, JobOption.SHM, JobOption.PIDS, JobOption.LABELS}),
    rules=_rules,
)
