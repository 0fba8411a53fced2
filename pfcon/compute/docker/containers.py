"""Creates, finds, stops and removes the containers of a job: one for each worker.

The first container has the job's name: who creates it has the job. It is started last: so if it has been started, all
have been. What a crash has left of a job that was not started is used again by the next ``schedule``.
"""

import contextlib
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pfcon.compute.docker import notes, state
from pfcon.compute.docker.spec import container_name
from pfcon.compute.docker_api import init
from pfcon.compute.docker_api.log_source import log_source
from pfcon.compute.docker_api.phase import Phase
from pfcon.compute.log_copy import prefix_of
from pfcon.compute.timed_log import TimedSource
from pfcon.compute.unanswered import NoAnswer, maybe_created
from pfcon.errors import Absent, Conflict, Refused, Unreachable, refused
from pfcon.models import JobSpec
from pfcon.polling import polls
from pfcon.reasons import Reason, explain

if TYPE_CHECKING:
    from pfcon.compute.docker.client import DockerCalls

_START_POLLS = 40  # for each worker, while another thread may be between create and start: at least two seconds
_NAME_WAIT = 30.0  # seconds; longest time that an engine reserves a name before it has created the container
_REMOVE_WAIT = 60.0  # seconds; longest wait for a removal that another process has begun
_POLL = 0.05  # seconds
_AT_A_TIME = 32  # containers that are stopped at the same time


def create(calls: "DockerCalls", name: str, body: dict[str, Any]) -> str:
    """Create a container; return its Id. Raises MaybeCreated, Refused, Conflict, Absent, Unreachable."""
    try:
        return calls.create(name, body)
    except NoAnswer as fault:
        if fault.may_have_arrived:
            raise maybe_created(fault) from fault
        raise
    except Refused as fault:
        if lacking := init.lacking(str(fault), podman=calls.podman):
            raise refused(explain(Reason.ENGINE_SETUP, cause=lacking)) from fault
        raise


def create_first(calls: "DockerCalls", spec: JobSpec, body: dict[str, Any]) -> str:
    """Return the Id of a job's first container: a new one, or one that was not started because of a crash."""
    last: Conflict | None = None
    for _ in polls(_NAME_WAIT, _POLL):
        try:
            return create(calls, container_name(spec.name), body)
        except Conflict as conflict:
            if found := _find_unstarted(calls, spec, conflict):
                return found
            last = conflict
    raise Conflict(f"the engine reserves the name of job {spec.name}, but has no such container") from last


def _find_unstarted(calls: "DockerCalls", spec: JobSpec, conflict: Conflict) -> str:
    """Return the Id of a job that was created but not started, because of a crash; ``""`` while the engine has only
    reserved the name for a container that it is creating. Raises Conflict for any other container.

    Waits for a moment, because another thread may be about to start it.
    """
    name = container_name(spec.name)
    for _ in range(_START_POLLS * spec.resources.workers):
        try:
            found = calls.inspect(name)
        except Absent:
            return ""
        if not state.is_job(found, name):
            raise Conflict(f"another container has the name {name}") from conflict
        noted = state.may_have_note(found) and notes.read(calls, found["Id"])
        if not _waits(found) or state.request_of(found) != spec.request or noted:
            raise Conflict(f"a job {spec.name} already exists") from conflict
        time.sleep(_POLL)
    return str(found["Id"])


def create_other(calls: "DockerCalls", spec: JobSpec, worker: int, body: dict[str, Any]) -> str:
    """Return the Id of the container of a further worker, if it has to be started; ``""`` if it has been.

    A container that was left when an earlier job of the name was removed is replaced.
    """
    name = container_name(spec.name, worker)
    last: Conflict | None = None
    for _ in polls(_NAME_WAIT, _POLL):
        try:
            return create(calls, name, body)
        except Conflict as conflict:
            last = conflict
        with contextlib.suppress(Absent):
            found = calls.inspect(name)
            if not state.is_job(found, name):
                raise Conflict(f"another container has the name {name}") from last
            if state.request_of(found) == spec.request:
                return str(found["Id"]) if _waits(found) else ""
            remove(calls, found["Id"])
    raise Conflict(f"the engine reserves the name {name}, but has no such container") from last


def _waits(found: dict[str, Any]) -> bool:
    return state.phase_of(found) is Phase.WAITING and not state.start_error(found)


def others_of(calls: "DockerCalls", name: str, first: dict[str, Any]) -> list[dict[str, Any] | None]:
    """Return ContainerInspect of a job's further containers, in order; None for one that does not exist."""
    return [_other(calls, container_name(name, worker), first) for worker in range(1, state.workers_of(first))]


def _other(calls: "DockerCalls", name: str, first: dict[str, Any]) -> dict[str, Any] | None:
    with contextlib.suppress(Absent):
        found = calls.inspect(name)
        if state.is_job(found, name) and state.request_of(found) == state.request_of(first):
            return found
    return None


def log_sources(calls: "DockerCalls", found: Sequence[dict[str, Any] | None]) -> list[TimedSource]:
    """Return the logs of the containers of a job's workers, in order; None for one that does not exist."""
    return [
        log_source(
            calls.ask,
            "containers",
            container["Id"],
            prefix_of(worker, len(found)),
            ended=state.end_code(container) is not None,
            podman=calls.podman,
        )
        for worker, container in enumerate(found)
        if container
    ]


def stop(calls: "DockerCalls", containers: Sequence[dict[str, Any]], grace: int) -> None:
    """Stop containers at the same time: SIGTERM, and SIGKILL after ``grace`` seconds. Returns when all have stopped."""
    if len(containers) == 1:
        _stop(calls, containers[0], grace)
        return

    def stop_one(found: dict[str, Any]) -> None:
        with contextlib.suppress(Absent):  # of several, one may just have been removed
            _stop(calls, found, grace)

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(stop_one, containers))


def _stop(calls: "DockerCalls", found: dict[str, Any], grace: int) -> None:
    if found["State"].get("Paused"):  # Podman can't stop a paused container
        with contextlib.suppress(Conflict):
            calls.unpause(found["Id"])
    calls.stop(found["Id"], grace)


def remove_all(calls: "DockerCalls", first: str, others: Iterable[str]) -> None:
    """Remove the containers of a job, the first one last: as long as it exists, nobody else has the job's name."""
    if found := [other for other in others if other]:
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            list(pool.map(lambda other: remove(calls, other), found))
    remove(calls, first)


def remove(calls: "DockerCalls", container: str) -> None:
    """Remove a container; if another process is removing it, wait for that."""
    last: Conflict | None = None
    for _ in polls(_REMOVE_WAIT, _POLL):
        try:
            calls.remove(container)
            return
        except Absent:
            return
        except Conflict as fault:
            last = fault
    raise Unreachable(f"the container engine has not removed the job in time: {last}") from last
