"""The swarm engine: one Docker Swarm service for each job, through a manager's Docker API."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pfcon.compute.base import ComputeEngine, Mine, all_mounts, anyone, require_mine
from pfcon.compute.docker_api import init
from pfcon.compute.docker_api.job import SERVICE_LABEL, needs_image_user
from pfcon.compute.docker_api.log import LOG_BYTES, LogTail
from pfcon.compute.docker_api.phase import time_of
from pfcon.compute.docker_api.pull import fetch
from pfcon.compute.docker_api.root import find_root
from pfcon.compute.docker_api.settings import LocalVolumeSettings
from pfcon.compute.log_copy import LogChunk, copied
from pfcon.compute.per_process import PerProcess
from pfcon.compute.settings import DOCKER_LOCAL_VOLUME, ComputeSettings
from pfcon.compute.sources import require_sources
from pfcon.compute.stopping import Stop
from pfcon.compute.swarm import listing, nodes, state
from pfcon.compute.swarm.evidence import out_of_memory, why_unstarted
from pfcon.compute.swarm.spec import NAME_LABEL, ended_spec, require_possible, service_name, service_spec
from pfcon.compute.swarm.tasks import container_of, log_sources
from pfcon.compute.unanswered import NoAnswer, maybe_created
from pfcon.compute.unreadable import labels_of
from pfcon.compute.workers import headed
from pfcon.errors import Absent, Conflict, ImageMissing, Refused, Unreachable, refused
from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.polling import polls
from pfcon.reasons import CANCELLED, SUCCESS, Reason, Why, explain

if TYPE_CHECKING:  # the SDK takes 0.2 s to import
    from pfcon.compute.swarm.client import SwarmCalls

STOP_GRACE = 10  # seconds between SIGTERM and SIGKILL
PENDING_GRACE = 600.0  # seconds that a job waits if no node can ever run it
NODE_PATIENCE = 60.0  # seconds after the grace; by then a node should have stopped a job
_UPDATE_TRIES = 10
_POLL = 0.1  # seconds
_READ = 256 * 1024  # bytes


class SwarmEngine(ComputeEngine):
    """Runs jobs as services. Services that are not pfcon's are never changed: they are absent, or a conflict.

    Nodes fetch images themselves. A job waits until a node has the resources; a job that no node could ever run is
    refused, or ended if the nodes have changed since.
    """

    name = "swarm"
    log_reads_per_minute = 3.0  # each takes three requests
    log_copies_per_minute = 120.0

    def __init__(
        self,
        settings: ComputeSettings,
        api: LocalVolumeSettings,
        storebase_mount: Path,
        *,
        stop_grace: int = STOP_GRACE,
        pending_grace: float = PENDING_GRACE,
        node_patience: float = NODE_PATIENCE,
        node_selector: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """storebase_mount: the path of storeBase in this process. Times are in seconds. node_selector: labels of the
        nodes that run jobs. Does not connect.
        """
        self._settings = settings
        self._api = api
        self._storebase_mount = storebase_mount
        self._stop_grace = stop_grace
        self._pending_grace = pending_grace
        self._node_patience = node_patience
        self._node_selector = node_selector
        self._connection = PerProcess(self._connect)
        self._volume: PurePosixPath | None = None  # its path on the one node
        self._hostnames: dict[str, str] = {}  # of the nodes, by their IDs, when they were last requested

    @property
    def _calls(self) -> "SwarmCalls":
        return self._connection.get()

    def _connect(self) -> "SwarmCalls":
        from pfcon.compute.swarm.client import SwarmCalls

        return SwarmCalls(self._api)

    def schedule(self, spec: JobSpec) -> JobInfo:
        """See ComputeEngine. Raises ImageMissing only for an image whose user has to be known here."""
        require_possible(spec)
        require_sources(all_mounts(spec), self._storebase_mount)
        self._calls.require_manager()
        service = self._service_spec(spec)
        try:
            self._calls.create(service)
        except NoAnswer as fault:
            if fault.may_have_arrived:
                raise maybe_created(fault) from fault
            raise
        except Conflict as fault:
            with suppress(Absent):
                self._find(spec.name)
                raise Conflict(f"a job {spec.name} already exists") from fault
            raise Conflict(f"another service has the name {service['Name']}") from fault
        return JobInfo(spec.name, JobStatus.NOT_STARTED, image=spec.image, argv=spec.argv, request=spec.request)

    def _service_spec(self, spec: JobSpec) -> dict[str, Any]:
        known = self._calls.nodes()
        self._hostnames = nodes.hostnames(known)
        kind = nodes.gpu_kind(known) if spec.resources.gpus else ""
        if spec.resources.gpus and not kind:
            never = "gpu_limit: no machine of this Swarm offers GPUs (node-generic-resources of its dockerd)"
            raise refused(explain(Reason.UNSCHEDULABLE, never=never))
        user = self._image_user(spec) if needs_image_user(spec.user) else ""
        made = service_spec(
            spec,
            self._storebase(known),
            stop_grace=self._stop_grace,
            image_user=user,
            gpu_kind=kind,
            node_selector=self._node_selector,
        )
        if reason := nodes.why_nowhere(made["TaskTemplate"], known):
            raise refused(explain(Reason.UNSCHEDULABLE, never=reason))
        return made

    def _image_user(self, spec: JobSpec) -> str:
        try:
            return self._calls.image_user(spec.image)
        except Absent as fault:
            raise ImageMissing(f"fetching image {spec.image}") from fault

    def prepare(self, spec: JobSpec, report: Callable[[str], None], stop: Stop) -> None:
        """See ComputeEngine. Fetches the image to the manager's own node."""
        fetch(self._calls, spec.image, report, stop)

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        """See ComputeEngine. Ends a job that waits for nodes that were removed, or one of whose workers has failed."""
        service, tasks = self._find(name, mine)
        killed, unstarted = out_of_memory(self._calls, tasks), why_unstarted(self._calls, tasks)
        if not state.end_reason(service):
            why = state.failed_worker(tasks, killed, unstarted) or self._why_hopeless(service, tasks)
            if why:
                self._end(name, why, mine)
                service, tasks = self._find(name, mine)
        info = state.job_info(name, service, tasks, killed, unstarted, hostnames=self._hostnames)
        if info.status.final and self._learn_nodes(tasks):
            info = state.job_info(name, service, tasks, killed, unstarted, hostnames=self._hostnames)
        return info

    def _learn_nodes(self, tasks: list[dict[str, Any]]) -> bool:
        """Request the nodes' names if one of these tasks has an unknown node; return whether any were learned."""
        if all(task.get("NodeID") in self._hostnames for task in state.own_tasks(tasks) if task.get("NodeID")):
            return False
        with suppress(Unreachable, Refused):  # the name of a node is only an addition
            self._hostnames = nodes.hostnames(self._calls.nodes())
            return True
        return False

    def _why_hopeless(self, service: dict[str, Any], tasks: list[dict[str, Any]]) -> Why:
        """Return why a waiting job can never run; empty for others."""
        if not any(state.waits_for_node(task) for task in state.own_tasks(tasks)):
            return SUCCESS
        created = time_of(service.get("CreatedAt"))
        if created is None or (datetime.now(UTC) - created).total_seconds() < self._pending_grace:
            return SUCCESS
        reason = nodes.why_nowhere(service["Spec"]["TaskTemplate"], self._calls.nodes())
        return explain(Reason.UNSCHEDULABLE, never=reason) if reason else SUCCESS

    def _find(self, name: str, mine: Mine = anyone) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        try:
            service = self._calls.service(service_name(name))
        except Absent:
            service = self._calls.service(name)  # the name that an earlier release used for some jobs
        if not state.is_job(service, name):
            raise Absent(f"there is no job {name}; a service that is not pfcon's has that name")
        require_mine(
            name,
            state.request_of(service["Spec"]),
            mine,
            service=labels_of(service["Spec"]).get(SERVICE_LABEL),
            ended=lambda: self._has_ended(name, service),
        )
        tasks = self._calls.tasks(service=service["ID"])
        if not tasks:  # they are removed with their service, maybe between the two requests
            service = self._calls.service(service["ID"])
        return service, tasks

    def _has_ended(self, name: str, service: dict[str, Any]) -> bool:
        """Return whether a service's job has ended, also if it is another service's job. Changes nothing."""
        info = state.job_info(name, service, self._calls.tasks(service=service["ID"]))
        return info.status.ended

    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """See ComputeEngine. The logs of several workers follow each other, each under a heading."""
        workers = state.own_tasks(self._find(name, mine)[1])
        if len(workers) == 1:
            return self._read_log(workers[0], tail_lines, LOG_BYTES)
        return headed([partial(self._read_log, worker) for worker in workers], tail_lines, LOG_BYTES)

    def _read_log(self, task: dict[str, Any], tail_lines: int, limit: int) -> str:
        log = LogTail(limit)
        if not container_of(task):
            return ""  # a request would wait until one exists
        with self._calls.ask("GET", "tasks", task["ID"], "logs", stdout=1, stderr=1, tail=tail_lines) as answer:
            while data := answer.read(_READ):
                log.feed(data)
        return log.text(tail_lines)

    def log_after(self, name: str, cursor: str, *, ended: bool, mine: Mine = anyone) -> Iterator[LogChunk]:
        """See ComputeEngine."""
        sources = log_sources(self._calls.ask, state.own_tasks(self._find(name, mine)[1]))
        return copied(sources, cursor, ended=ended)

    def cancel(self, name: str, mine: Mine = anyone, why: Why = CANCELLED) -> None:
        """See ComputeEngine. Returns when the job has stopped, or when its node has not reported that in time."""
        self._end(name, why, mine)
        for _ in polls(self._stop_grace + self._node_patience, _POLL):
            if state.job_info(name, *self._find(name, mine)).status.final:
                return

    def _end(self, name: str, why: Why, mine: Mine = anyone) -> None:
        """Stop a job's tasks, keep them, and note the reason; no-op for a job that has ended or is being ended."""
        for _ in range(_UPDATE_TRIES):
            service, tasks = self._find(name, mine)
            if state.end_reason(service) or state.job_info(name, service, tasks).status.final:
                return
            with suppress(Conflict):  # it has changed since it was read: read it again
                self._calls.update(service, ended_spec(service["Spec"], why.note()))
                return
        raise Unreachable(f"job {name} could not be stopped yet, because its service keeps changing; try again")

    def remove(self, name: str, mine: Mine = anyone) -> None:
        """See ComputeEngine. Does not change a service that is not a job of pfcon's.

        Raises Unreachable if a node does not report in time that the job has stopped; its service is removed then.
        """
        tasks = [task for task in self._tasks_of(name) if mine(state.request_of_task(task))]
        removed = {str(task.get("ServiceID")) for task in tasks}  # also those that other processes are removing
        with suppress(Absent):
            service = self._find(name, mine)[0]
            service_id = service["ID"]
            removed.add(service_id)
            self._calls.remove(service_id)
            self._kill_here(service_id)
        if all(self._remains(name, removed) for _ in polls(self._stop_grace + self._node_patience, _POLL)):
            raise Unreachable(f"job {name}: its node has not reported in time that it stopped; the node may be down")

    def _kill_here(self, service_id: str) -> None:
        """Kill the containers on the manager's node, so that the removal does not have to wait for Swarm's grace."""
        for container in self._calls.containers_here(service_id):
            with suppress(Absent, Conflict):  # it was removed, or has ended
                self._calls.kill(container["Id"])

    def _remains(self, name: str, removed: set[str]) -> bool:
        """Return whether removed services still have tasks, or containers on the manager's node."""
        if any(task.get("ServiceID") in removed for task in self._tasks_of(name)):
            return True
        return any(self._calls.containers_here(service_id) for service_id in removed)

    def _tasks_of(self, name: str) -> list[dict[str, Any]]:
        """Return the tasks of all services of a job's name, also of removed ones."""
        return self._calls.tasks(label=f"{NAME_LABEL}={name}")

    def active_jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        tasks = self._calls.active_tasks()
        return listing.active_jobs(tasks, datetime.now(UTC), timedelta(seconds=self._pending_grace))

    def jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        return listing.requests(self._calls.services())

    def require_answer(self) -> None:
        """See ComputeEngine. A Swarm without a majority of its managers refuses to list tasks; these are none."""
        self._calls.tasks(name="pfcon-ready")

    def check(self) -> str:
        """See ComputeEngine. Raises Refused if the engine is not a Swarm manager, or has no init for jobs."""
        calls = self._calls
        calls.require_manager()
        if init.missing_of_docker(calls.get("info")):
            raise Refused(init.missing(podman=False))
        known = calls.nodes()
        self._storebase(known)
        count = len(known)
        return f"{calls.product()}, manager of a Swarm of {count} node{'s' * (count != 1)}, at {calls.where}"

    def _storebase(self, known: list[dict[str, Any]]) -> PurePosixPath:
        """Return the path of storeBase on the nodes. known: the Swarm's nodes; a local volume is on only one."""
        if self._settings.volume_type == DOCKER_LOCAL_VOLUME.name:
            nodes.require_one(known)
            if self._volume is None:
                self._volume = find_root(self._settings, self._api.selector, self._storebase_mount, self._calls)
            return self._volume
        return find_root(self._settings, self._api.selector, self._storebase_mount, self._calls)
