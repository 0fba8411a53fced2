"""What the nodes of a Swarm have, and whether a job fits there. Pure.

Nodes are as ``GET /nodes`` gives them (Docker Engine API reference, NodeList), reservations as in a TaskSpec.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pfcon.compute.unreadable import reading
from pfcon.units import human_bytes, human_cores

_CPU, _MEMORY = "NanoCPUs", "MemoryBytes"
_FIELDS = {_CPU: "cpu_limit", _MEMORY: "memory_limit"}  # of a request; all else are GPUs


def gpu_kind(nodes: list[dict[str, Any]]) -> str:
    """What the nodes call their GPUs (``node-generic-resources`` of dockerd); ``""`` where none has any.

    Of several names, the one of which a node has most.
    """
    most: Counter[str] = Counter()
    for node in nodes:
        most |= Counter({kind: count for kind, count in (_capacity(node) or {}).items() if "gpu" in kind.lower()})
    return most.most_common(1)[0][0] if most else ""


def why_never(reservations: dict[str, Any], nodes: list[dict[str, Any]]) -> str:
    """Why no node could run a job even if it had nothing else to do; ``""`` where one could.

    Nodes that are away count, those that are drained only where all are: both may come back. One that can't be read
    may have anything.
    """
    wanted = _amounts(reservations)
    able = [node for node in nodes if (node.get("Spec") or {}).get("Availability") != "drain"] or nodes
    found = [_capacity(node) for node in able]
    capacities = [capacity for capacity in found if capacity is not None]
    if len(capacities) < len(found):
        return ""
    if any(all(capacity[kind] >= amount for kind, amount in wanted.items()) for capacity in capacities):
        return ""
    most: Counter[str] = Counter()
    for capacity in capacities:
        most |= capacity
    for kind, amount in wanted.items():
        if amount > most[kind]:
            field = _FIELDS.get(kind, "gpu_limit")
            largest = _amount(kind, most[kind])
            return f"{field}: no node of this Swarm has {_amount(kind, amount)}; the largest has {largest}"
    return "no node of this Swarm has all of: " + ", ".join(_amount(kind, amount) for kind, amount in wanted.items())


def _capacity(node: dict[str, Any]) -> Counter[str] | None:
    """What a node has; None where that can't be read."""

    def read() -> Counter[str] | None:
        return _amounts((node.get("Description") or {}).get("Resources") or {})

    return reading("a node of the Swarm", read, lambda _: None)


def _amounts(resources: dict[str, Any]) -> Counter[str]:
    found = Counter({kind: int(resources[kind]) for kind in (_CPU, _MEMORY) if resources.get(kind)})
    found.update(_generic(resources.get("GenericResources") or []))
    return found


def _generic(resources: Iterable[dict[str, Any]]) -> Counter[str]:
    """GenericResources are counted (discrete), or named one by one."""
    found: Counter[str] = Counter()
    for resource in resources:
        if discrete := resource.get("DiscreteResourceSpec"):
            found[discrete["Kind"]] += int(discrete["Value"])
        elif named := resource.get("NamedResourceSpec"):
            found[named["Kind"]] += 1
    return found


def _amount(kind: str, amount: int) -> str:
    if kind == _CPU:
        return human_cores(amount)
    return human_bytes(amount) if kind == _MEMORY else f"{amount} × {kind}"
