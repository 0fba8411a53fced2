"""What is asked about a task of a Swarm whose node could not fetch its image."""

from typing import Any, cast

import pytest

from pfcon.compute.swarm.client import SwarmCalls
from pfcon.compute.swarm.evidence import why_unstarted
from pfcon.errors import PfconError, Refused
from pfcon.reasons import Reason

IMAGE = "registry.example/pl-x:1"
AMD = {"architecture": "amd64", "os": "linux"}
ARM = {"architecture": "arm64", "os": "linux"}
NODE = {"ID": "n1", "Description": {"Platform": {"Architecture": "x86_64", "OS": "linux"}}}


class Calls:
    """Answers of a manager."""

    def __init__(self, platforms: Any, nodes: Any) -> None:
        self._platforms, self._nodes = platforms, nodes
        self.asked = 0

    def platforms(self, image: str) -> Any:
        self.asked += 1
        return _answer(self._platforms)

    def nodes(self) -> Any:
        return _answer(self._nodes)


def _answer(value: Any) -> Any:
    if isinstance(value, PfconError):
        raise value
    return value


def task(number: int) -> dict[str, Any]:
    return {
        "ID": f"t{number}",
        "Slot": number,
        "NodeID": "n1",
        "DesiredState": "shutdown",
        "Status": {"State": "rejected", "Err": f"No such image: {IMAGE}", "Timestamp": "2026-11-30T10:00:00Z"},
        "Spec": {"ContainerSpec": {"Image": IMAGE, "Command": ["sh"], "Labels": {}}},
    }


def reason_of(platforms: Any, nodes: Any) -> Reason | str:
    found = why_unstarted(cast(SwarmCalls, Calls(platforms, nodes)), [task(1)])
    return found["t1"].reason


@pytest.mark.parametrize(
    ("platforms", "nodes", "reason"),
    [
        ([AMD, ARM], [NODE], Reason.IMAGE_FAILED),
        ([ARM], [NODE], Reason.WRONG_ARCHITECTURE),
        ([], [NODE], Reason.IMAGE_FAILED),
        ([ARM], [], Reason.IMAGE_FAILED),
        ([ARM], Refused("a proxy forbids it"), Reason.IMAGE_FAILED),
        ([ARM], [{"ID": "n1", "Description": {}}], ""),  # an answer that can't be read
        (Refused("manifest unknown"), [NODE], Reason.IMAGE_NOT_FOUND),
    ],
)
def test_the_registry_and_the_node_tell_why(platforms: Any, nodes: Any, reason: Reason | str) -> None:
    assert reason_of(platforms, nodes) == reason


def test_the_registry_is_asked_once_for_all_workers() -> None:
    calls = Calls([ARM], [NODE])
    found = why_unstarted(cast(SwarmCalls, calls), [task(number) for number in (1, 2, 3)])
    assert (len(found), calls.asked) == (3, 1)
