"""The names and resources of a Swarm's nodes, and whether a job fits. Pure.

Nodes are as ``GET /nodes`` returns them (Docker Engine API reference, NodeList), reservations as in a TaskSpec.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pfcon.compute.swarm.spec import NODE_LABEL
from pfcon.compute.unreadable import reading
from pfcon.errors import Refused
from pfcon.units import human_bytes, human_cores

_CPU, _MEMORY = "NanoCPUs", "MemoryBytes"
_FIELDS = {_CPU: "cpu_limit", _MEMORY: "memory_limit"}  # of a request; all other resources are GPUs


def gpu_kind(nodes: list[dict[str, Any]]) -> str:
    """Return the nodes' name for their GPUs (``node-generic-resources`` of dockerd); ``""`` if no node has any.

    If several names are in use, the one with the largest number on one node.
    """
    most: Counter[str] = Counter()
    for node in nodes:
        most |= Counter({kind: count for kind, count in (_capacity(node) or {}).items() if "gpu" in kind.lower()})
    return most.most_common(1)[0][0] if most else ""


def why_never(reservations: dict[str, Any], nodes: list[dict[str, Any]]) -> str:
    """Return why no node could run a job even if it ran nothing else; ``""`` if one could.

    Nodes that are down count; drained ones count only if all are drained: both may come back. A node that can't be read
    counts as large enough.
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
            return f"{field}: no machine of this Swarm has {_amount(kind, amount)}; the largest has {largest}"
    return "no machine of this Swarm has all of: " + ", ".join(_amount(kind, amount) for kind, amount in wanted.items())


def having(nodes: list[dict[str, Any]], constraints: Iterable[str]) -> list[dict[str, Any]]:
    """Return the nodes that have the labels of placement constraints (``node.labels.KEY==VALUE``); others are ignored.

    Swarm compares values without regard to case. A node that can't be read counts as having them.
    """
    pairs = [one.removeprefix(NODE_LABEL).partition("==") for one in constraints if one.startswith(NODE_LABEL)]

    def fits(node: dict[str, Any]) -> bool:
        def read() -> bool:
            labels = (node.get("Spec") or {}).get("Labels") or {}
            return all(str(labels.get(key, "")).lower() == value.lower() for key, _, value in pairs)

        return reading("the labels of a node of the Swarm", read, lambda _: True)

    return [node for node in nodes if fits(node)]


def why_nowhere(task: dict[str, Any], nodes: list[dict[str, Any]]) -> str:
    """Return why no node could run a task with this TaskSpec; ``""`` if one could: see ``why_never``."""
    constraints = (task.get("Placement") or {}).get("Constraints") or []
    able = having(nodes, constraints)
    if nodes and not able:
        labels = ", ".join(one.removeprefix(NODE_LABEL).replace("==", "=") for one in constraints)
        return f"no machine of this Swarm has the labels {labels} (NODE_SELECTOR)"
    return why_never((task.get("Resources") or {}).get("Reservations") or {}, able)


def require_one(nodes: list[dict[str, Any]]) -> None:
    """Raise Refused if the Swarm has several nodes, of which only one has storeBase as a volume."""
    if len(nodes) > 1:
        raise Refused(
            f"COMPUTE_VOLUME_TYPE=docker_local_volume: this Swarm has {len(nodes)} machines, and a local volume is on "
            "one of them; use COMPUTE_VOLUME_TYPE=host with a STOREBASE that all machines have (`docker node ls` lists "
            "them, also those that are down)"
        )


def hostnames(nodes: list[dict[str, Any]]) -> dict[str, str]:
    """Return the host names of nodes, by their IDs. Nodes that can't be read are left out."""
    return dict(filter(None, map(_named, nodes)))


def _named(node: dict[str, Any]) -> tuple[str, str] | None:
    def read() -> tuple[str, str] | None:
        return str(node["ID"]), str(node["Description"]["Hostname"])

    return reading("a node of the Swarm", read, lambda _: None)


def _capacity(node: dict[str, Any]) -> Counter[str] | None:
    """Return a node's resources; None if they can't be read."""

    def read() -> Counter[str] | None:
        return _amounts((node.get("Description") or {}).get("Resources") or {})

    return reading("a node of the Swarm", read, lambda _: None)


def _amounts(resources: dict[str, Any]) -> Counter[str]:
    found = Counter({kind: int(resources[kind]) for kind in (_CPU, _MEMORY) if resources.get(kind)})
    found.update(_generic(resources.get("GenericResources") or []))
    return found


def _generic(resources: Iterable[dict[str, Any]]) -> Counter[str]:
    """Count GenericResources, which are numbers (discrete) or single names."""
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
