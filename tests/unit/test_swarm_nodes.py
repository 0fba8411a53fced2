"""Whether a job fits on the nodes of a Swarm."""

import json
from pathlib import Path
from typing import Any

import pytest

from pfcon.compute.swarm.nodes import gpu_kind, having, why_never, why_nowhere

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "swarm" / "nodes.json").read_text())
GIB = 1 << 30


def node(cores: float, gib: int, availability: str = "active", **gpus: int) -> dict[str, Any]:
    generic = [{"DiscreteResourceSpec": {"Kind": kind, "Value": count}} for kind, count in gpus.items()]
    resources = {"NanoCPUs": int(cores * 10**9), "MemoryBytes": gib * GIB, "GenericResources": generic}
    return {"Description": {"Resources": resources}, "Spec": {"Availability": availability}}


def wanted(cores: float = 0, gib: int = 0, **gpus: Any) -> dict[str, Any]:
    made: dict[str, Any] = node(cores, gib, **gpus)["Description"]["Resources"]
    return {key: value for key, value in made.items() if value}


NODES = [node(2, 8, gpu=1), node(8, 4)]


@pytest.mark.parametrize(
    "reservations", [{}, wanted(2), wanted(8, 4), wanted(2, 8, gpu=1), wanted(0.5), {"GenericResources": None}]
)
def test_what_fits_on_one_node_may_run(reservations: dict[str, Any]) -> None:
    assert why_never(reservations, NODES) == ""


@pytest.mark.parametrize(
    ("reservations", "reason"),
    [
        (wanted(9), "cpu_limit: no machine of this Swarm has 9 cores; the largest has 8 cores"),
        (wanted(1, 9), "memory_limit: no machine of this Swarm has 9.0 GiB; the largest has 8.0 GiB"),
        (wanted(gpu=2), "gpu_limit: no machine of this Swarm has 2 × gpu; the largest has 1 × gpu"),
        (wanted(4, 6), "no machine of this Swarm has all of: 4 cores, 6.0 GiB"),
        (wanted(4, 0, gpu=1), "no machine of this Swarm has all of: 4 cores, 1 × gpu"),
    ],
)
def test_what_fits_on_none_is_told_with_the_largest(reservations: dict[str, Any], reason: str) -> None:
    assert why_never(reservations, NODES) == reason


def test_a_drained_node_counts_only_where_all_are() -> None:
    large, small = node(64, 64, "drain"), node(2, 2)
    assert "largest has 2 cores" in why_never(wanted(4), [large, small])
    assert why_never(wanted(4), [large]) == ""


def test_a_swarm_whose_nodes_have_not_said_what_they_have_takes_nothing_with_limits() -> None:
    assert why_never(wanted(1), [{"Spec": {}, "Description": {}}]) != ""
    assert why_never({}, [{"Spec": {}}]) == ""


def test_gpus_are_what_is_called_so_and_most_of_one_node_decides() -> None:
    assert gpu_kind(RECORDED) == "gpu"
    four: dict[str, Any] = {"NVIDIA-GPU": 4}
    assert gpu_kind([node(1, 1, gpu=1), node(1, 1, **four)]) == "NVIDIA-GPU"
    assert gpu_kind([node(1, 1, fpga=2)]) == ""
    assert gpu_kind([]) == ""


def test_gpus_that_are_named_one_by_one_are_counted() -> None:
    assert why_never(wanted(gpu=2), RECORDED) == ""
    assert "the largest has 2 × gpu" in why_never(wanted(gpu=3), RECORDED)


def labelled(cores: float, **labels: str) -> dict[str, Any]:
    made = node(cores, 8)
    made["Spec"]["Labels"] = labels
    return made


SSD = {"Placement": {"Constraints": ["node.labels.disk==ssd", "node.role==worker"]}}


def test_only_nodes_with_the_labels_that_jobs_ask_for_count() -> None:
    fast, slow, bare = labelled(2, disk="SSD", zone="a"), labelled(64, disk="hdd"), node(64, 8)
    assert having([fast, slow, bare], SSD["Placement"]["Constraints"]) == [fast]
    assert having([fast, slow, bare], []) == [fast, slow, bare]
    task = {**SSD, "Resources": {"Reservations": wanted(4)}}
    assert why_nowhere(task, [fast, slow]) == "cpu_limit: no machine of this Swarm has 4 cores; the largest has 2 cores"
    assert why_nowhere({"Resources": {"Reservations": wanted(4)}}, [fast, slow]) == ""
    assert why_nowhere(SSD, [fast, slow]) == ""


def test_labels_that_no_node_has_are_told() -> None:
    task = {"Placement": {"Constraints": ["node.labels.disk==ssd", "node.labels.zone==a"]}}
    said = "no machine of this Swarm has the labels disk=ssd, zone=a (NODE_SELECTOR)"
    assert why_nowhere(task, [node(1, 1), labelled(1, disk="ssd")]) == said
    assert why_nowhere(task, []) == why_nowhere({}, [])
