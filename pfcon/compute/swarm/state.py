"""Translates a Swarm's service and its tasks to a JobInfo. Pure.

Services and tasks are as ``GET /services/{id}`` and ``GET /tasks`` return them (Docker Engine API reference).
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from pfcon.compute import runtimes
from pfcon.compute.details import digest_of, node_names, of_workers
from pfcon.compute.docker_api.job import REQUEST_LABEL, time_limit_of
from pfcon.compute.docker_api.phase import Phase, time_of
from pfcon.compute.exits import out_of_memory_note
from pfcon.compute.swarm.spec import END_LABEL, NAME_LABEL, NOWHERE
from pfcon.compute.swarm.tasks import (
    WITHOUT_NODE,
    container_of,
    exit_code_of,
    has_ended,
    memory_limit,
    state_of,
)
from pfcon.compute.swarm.worker import Worker
from pfcon.compute.unreadable import FAULTS, labels_of, reading, unread
from pfcon.compute.worker_states import failure, first_failed, going, why_ended
from pfcon.models import JobInfo, JobStatus, RunDetails
from pfcon.reasons import SUCCESS, Why

_NONE: Mapping[str, Why] = MappingProxyType({})


def is_job(service: dict[str, Any], name: str) -> bool:
    """Return whether a service is the job of that name. Swarm also answers for a prefix of an ID."""
    return bool(labels_of(service["Spec"]).get(NAME_LABEL) == name)


def request_of(labelled: dict[str, Any]) -> str:
    """Return JobSpec.request from a service's specification or a task's ContainerSpec; ``""`` if not pfcon's."""
    return str(labels_of(labelled).get(REQUEST_LABEL, ""))


def request_of_task(task: dict[str, Any]) -> str:
    """Return JobSpec.request from a task of a job; ``""`` if it can't be read."""
    return reading("a task of a job", lambda: request_of(task["Spec"]["ContainerSpec"]), lambda _: "")


def own_tasks(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tasks that are the job's workers, in order, without the replacements in an ended job.

    Tasks that can't be read are left out: see ``unreadable``.
    """
    own = [task for task in tasks if not unreadable([task])]
    own = [task for task in own if NOWHERE not in ((task["Spec"].get("Placement") or {}).get("Constraints") or [])]
    return sorted(own, key=lambda task: int(task.get("Slot") or 0))


def unreadable(tasks: list[dict[str, Any]]) -> str:
    """Return a message for users about tasks that can't be read; ``""`` if all can."""
    for task in tasks:
        try:
            worker = Worker(task, oom_killed=False, unstarted=SUCCESS)
            int(task.get("Slot") or 0), task["ID"] + task["DesiredState"], container_of(task)
            (task["Spec"].get("Placement") or {}).get("Constraints"), worker.time, worker.progress(), worker.why()
        except FAULTS as fault:
            return unread("Swarm's answer about a task of the job", fault)
    return ""


def end_reason(service: dict[str, Any]) -> Why:
    """Return why pfcon has ended the job; empty if it has not."""
    return Why.of_note(str(labels_of(service["Spec"]).get(END_LABEL, "")))


def waits_for_node(task: dict[str, Any]) -> bool:
    """Return whether the task waits for a node."""
    return state_of(task) in WITHOUT_NODE and not has_ended(task)


def may_be_oom(task: dict[str, Any]) -> bool:
    """Return whether the task may have run out of memory, which only its container shows."""
    return state_of(task) in ("failed", "complete") and bool(memory_limit(task) and container_of(task))


def may_be_unstarted(task: dict[str, Any]) -> bool:
    """Return whether the task's command may not have been run, which only its log shows."""
    return state_of(task) == "failed" and exit_code_of(task) in runtimes.CODES


def failed_worker(
    tasks: list[dict[str, Any]], oom_killed: Collection[str], unstarted: Mapping[str, Why] = _NONE
) -> Why:
    """Return why a worker has failed while others still run; empty if none has."""
    workers = _workers(tasks, oom_killed, unstarted)
    if all(worker.ended for worker in workers):
        return SUCCESS
    return failure([worker.state for worker in workers])


def job_info(
    name: str,
    service: dict[str, Any],
    tasks: list[dict[str, Any]],
    oom_killed: Collection[str] = (),
    unstarted: Mapping[str, Why] = _NONE,
    *,
    hostnames: Mapping[str, str] = MappingProxyType({}),
) -> JobInfo:
    """Return the state of a job. tasks: all of the service's. oom_killed: IDs of tasks that ran out of memory.

    unstarted: the reasons, by the IDs of tasks whose command could not be run. hostnames: of nodes, by their IDs.
    Unreadable parts make it ``undefined``.
    """
    odd = unreadable(tasks)
    if odd:
        return JobInfo(name, JobStatus.UNDEFINED, odd, request=request_of(service["Spec"]))
    return reading(
        f"Swarm's answer about job {name}",
        lambda: _job_info(name, service, _workers(tasks, oom_killed, unstarted), hostnames, begun=bool(tasks)),
        lambda message: JobInfo(name, JobStatus.UNDEFINED, message, request=request_of(service["Spec"])),
    )


def _job_info(
    name: str, service: dict[str, Any], workers: "list[Worker]", hostnames: Mapping[str, str], *, begun: bool
) -> JobInfo:
    """begun: whether Swarm has created any tasks."""
    spec = service["Spec"]
    if not begun and _scaled_to_none(spec):
        return JobInfo(name, JobStatus.UNDEFINED, "its service was scaled to zero", request=request_of(spec))
    container = spec["TaskTemplate"]["ContainerSpec"]
    reason = end_reason(service)
    states = [worker.state for worker in workers]
    why, finished = SUCCESS, None
    if not all(worker.ended for worker in workers) or not begun:
        status, why = going(states, reason)
    else:
        why = why_ended(states, reason)
        status = JobStatus.FAILED if why else JobStatus.SUCCEEDED
        why = why or _success_note(workers)
        times = [found for worker in workers if (found := worker.time)]
        finished = max(times, default=time_of(service.get("UpdatedAt")))
    return JobInfo(
        name=name,
        status=status,
        message=why.message,
        image=container["Image"],
        argv=(*(container.get("Command") or ()), *(container.get("Args") or ())),
        finished_at=finished,
        request=request_of(spec),
        interrupted=why.interrupted,
        details=_details(workers, hostnames, container["Image"], reason),
        reason=why.reason,
        detail=why.detail,
        time_limit=time_limit_of(labels_of(spec)),
    )


def _details(workers: "list[Worker]", hostnames: Mapping[str, str], image: object, reason: Why) -> RunDetails:
    """Return the details of a run. image: with a digest only if the client's name of the image has one.

    A task has only the time of its last change: when it started is known as long as no worker has ended, and when it
    got its node as long as none has its container.
    """
    ended = [worker for worker in workers if worker.ended]
    running = [worker for worker in workers if worker.phase is Phase.RUNNING and not ended]
    runs = [RunDetails(started_at=worker.time) for worker in running]
    if all(worker.fetches or worker.lacks_node for worker in workers):
        runs += [RunDetails(placed_at=worker.time) for worker in workers if worker.fetches]
    nodes = node_names(hostnames.get(str(worker.task.get("NodeID"))) for worker in workers if worker.has_begun)
    runs.append(RunDetails(node=nodes, image_digest=digest_of(image) if any(w.has_begun for w in workers) else None))
    code = None
    if workers and len(ended) == len(workers):
        failed = first_failed([worker.state for worker in workers], reason)
        code = workers[failed[0]].exit_code if failed else (0 if not reason else None)
    return of_workers(runs, code)


def _scaled_to_none(spec: dict[str, Any]) -> bool:
    return ((spec.get("Mode") or {}).get("Replicated") or {}).get("Replicas") == 0


def _workers(tasks: list[dict[str, Any]], oom_killed: Collection[str], unstarted: Mapping[str, Why]) -> list[Worker]:
    return [Worker(task, task["ID"] in oom_killed, unstarted.get(task["ID"], SUCCESS)) for task in own_tasks(tasks)]


def _success_note(workers: list[Worker]) -> Why:
    """Return what the user of a job that succeeded should know; empty if nothing."""
    killed = [worker for worker in workers if worker.oom_killed]
    return Why(out_of_memory_note(memory_limit(killed[0].task))) if killed else SUCCESS
