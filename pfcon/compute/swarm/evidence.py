"""What a failed task itself does not show: it is asked of its container, its log, and the registry of its image."""

from typing import TYPE_CHECKING, Any

from pfcon.compute.docker_api.log import LogTail
from pfcon.compute.registries import image_failure
from pfcon.compute.runtimes import LONGEST, failure_in_log
from pfcon.compute.swarm import state
from pfcon.compute.swarm.tasks import container_of, image_and_command
from pfcon.compute.swarm.worker import lacks_image
from pfcon.errors import Absent, PfconError
from pfcon.reasons import SUCCESS, Why

if TYPE_CHECKING:  # the SDK takes 0.2 s to import
    from pfcon.compute.swarm.client import SwarmCalls

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
    for task in filter(lacks_image, state.own_tasks(tasks)):
        found[task["ID"]] = _image_failure(calls, image_and_command(task)[0])
    return found


def _image_failure(calls: "SwarmCalls", image: str) -> Why:
    """Return why nodes can't fetch an image, as the manager finds out; empty if it finds nothing wrong."""
    try:
        calls.find_in_registry(image)
    except PfconError as fault:
        return image_failure(image, str(fault))
    return SUCCESS
