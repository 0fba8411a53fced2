"""What the machines lack, from the texts of kube-scheduler about a pod that it can't place."""

import pytest

from pfcon.compute.kubernetes.scheduler_words import lack

VICTIMS = " preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."
TAINT = "machines are reserved for other jobs, or not ready (taints)"
LABELS = "machines do not have the labels that jobs ask for (node selector)"
CLOSED = "machines are closed for maintenance"
PORTS = "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0/1 nodes are available: 1 Insufficient cpu.", "too little free CPU"),
        (
            f"0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.{VICTIMS}",
            "too little free CPU and memory",
        ),
        ("0/2 nodes are available: 2 Insufficient ephemeral-storage.", "too little free disk"),
        ("0/2 nodes are available: 2 Insufficient nvidia.com/gpu.", "too few free GPUs"),
        ("0/2 nodes are available: 2 Insufficient amd.com/gpu.", "too few free GPUs"),
        ("0/2 nodes are available: 2 Insufficient gpu.intel.com/i915.", "too few free GPUs"),
        ("0/2 nodes are available: 2 Insufficient example.com/fpga.", "too little free example.com/fpga"),
        ("0/2 nodes are available: 2 Too many pods.", "too few free places for jobs"),
    ],
)
def test_scarce_resources_are_named_in_plain_words(text: str, expected: str) -> None:
    assert lack(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "0/1 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }."
            " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
            TAINT,
        ),
        (  # until 1.24
            "0/1 nodes are available: 1 node(s) had taint {node-role.kubernetes.io/master: }, that the pod didn't "
            "tolerate.",
            TAINT,
        ),
        (f"0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.{VICTIMS}", LABELS),
        ("0/1 nodes are available: 1 node(s) didn't match node selector/affinity.", LABELS),
        (f"0/3 nodes are available: 3 node(s) were unschedulable.{VICTIMS}", CLOSED),
    ],
)
def test_what_keeps_all_machines_from_a_job_is_told(text: str, expected: str) -> None:
    assert lack(text) == expected


def test_all_causes_are_told_once() -> None:
    text = (
        "0/9 nodes are available: 1 node(s) were unschedulable, 2 node(s) had untolerated taint {a: }, 1 node(s) had "
        "untolerated taint {b: }, 2 Insufficient memory, 3 node(s) didn't match Pod's node affinity/selector."
    )
    assert lack(text) == "; ".join(["too little free memory", TAINT, LABELS, CLOSED])


def test_the_words_about_preemption_are_no_cause() -> None:
    text = f"{PORTS} preemption: 0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable."
    assert lack(text) == PORTS


@pytest.mark.parametrize("text", [PORTS, "no nodes available to schedule pods", "Unschedulable", ""])
def test_what_is_not_known_is_told_as_it_is(text: str) -> None:
    assert lack(f"{text}{VICTIMS}") == text
    assert lack(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "0/2 nodes are available: 2 node(s) had volume node affinity conflict.",
        "0/2 nodes are available: 2 node(s) didn't match pod affinity rules.",
    ],
)
def test_an_affinity_to_a_volume_or_another_pod_is_no_node_selector(text: str) -> None:
    assert LABELS not in lack(text)
