"""What a failed task itself does not show: it is asked of its container, its log, and the registry of its image."""

from typing import TYPE_CHECKING, Any

from pfcon.compute.docker_api.log import LogTail
from pfcon.compute.registries import image_failure
from pfcon.compute.runtimes import LONGEST, failure_in_log
from pfcon.compute.swarm import state
from pfcon.compute.swarm.tasks import container_of, image_and_command
from pfcon.compute.swarm.worker import lacks_image
from pfcon.compute.unreadable import reading
from pfcon.errors import Absent, PfconError
from pfcon.reasons import SUCCESS, Reason, Why, explain

if TYPE_CHECKING:  # the SDK takes 0.2 s to import
    from pfcon.compute.swarm.client import SwarmCalls

_BROKEN_OFF = "its registry has it, but its machine could not download it"
# uname(2) to Go's GOARCH, as in Swarm's own filter (manager/scheduler/filter.go).
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i386": "386", "i686": "386"}

Tasks = list[dict[str, Any]]


def out_of_memory(calls: "SwarmCalls", tasks: Tasks) -> list[str]:
    """Return the IDs of the tasks that ran out of memory, as far as that can be known."""
    own = [task for task in state.own_tasks(tasks) if state.may_be_oom(task)]
    return [task["ID"] for task in own if _oom_killed(calls, container_of(task))]


def _oom_killed(calls: "SwarmCalls", container: str) -> bool:
    """Return whether a container ran out of memory; False on other nodes, whose engines can't be asked."""
    try:
        return bool(calls.inspect(container)["State"].get("OOMKilled"))
    except Absent:
        return False


def why_unstarted(calls: "SwarmCalls", tasks: Tasks) -> dict[str, Why]:
    """Return why commands could not be run, by the IDs of their tasks. Raises what SwarmCalls raises."""
    found = {}
    for task in filter(state.may_be_unstarted, state.own_tasks(tasks)):
        log = LogTail()
        with calls.ask("GET", "tasks", task["ID"], "logs", stdout=1, stderr=1) as answer:
            log.feed(answer.read(LONGEST))
        if why := failure_in_log(log.text(2), *image_and_command(task)):
            found[task["ID"]] = why
    lacking = [task for task in state.own_tasks(tasks) if lacks_image(task)]
    if lacking:  # all workers have the same image
        why = reading("a node or an image of the Swarm", lambda: _image_failure(calls, lacking[0]), lambda _: SUCCESS)
        found.update({task["ID"]: why for task in lacking})
    return found


def _image_failure(calls: "SwarmCalls", task: dict[str, Any]) -> Why:
    """Return why the node of a task can't fetch its image, as far as the manager finds out."""
    image = image_and_command(task)[0]
    try:
        offered = calls.platforms(image)
    except PfconError as fault:
        return image_failure(image, str(fault))
    nodes = [node["Description"]["Platform"] for node in _nodes(calls) if node["ID"] == task.get("NodeID")]
    if nodes and offered and not any(_runs(nodes[0], platform) for platform in offered):
        return explain(Reason.WRONG_ARCHITECTURE, image=image, detail=f"{nodes[0]} is not among {offered}")
    return explain(Reason.IMAGE_FAILED, image=image, cause=_BROKEN_OFF)


def _nodes(calls: "SwarmCalls") -> list[dict[str, Any]]:
    """Return the nodes of the Swarm; none if they can't be listed: then no platform is known."""
    try:
        return calls.nodes()
    except PfconError:
        return []


def _runs(node: dict[str, Any], image: dict[str, Any]) -> bool:
    """Return whether the platform of a node is that of an image. Nodes use the kernel's names of processors."""
    architecture = node["Architecture"]
    return (node["OS"], _ARCHITECTURES.get(architecture, architecture)) == (image.get("os"), image.get("architecture"))
