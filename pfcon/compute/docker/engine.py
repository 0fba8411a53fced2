"""The docker engine: one container for each worker of a job, on Docker or on Podman's service of the same API."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pfcon.compute.base import ComputeEngine, Mine, all_mounts, anyone, require_mine
from pfcon.compute.docker import containers, limits, listing, notes, several, state
from pfcon.compute.docker.description import DockerEngineSettings
from pfcon.compute.docker.root import require_same
from pfcon.compute.docker.spec import container_name, create_body, lacks_gpus, require_possible
from pfcon.compute.docker_api import init
from pfcon.compute.docker_api.job import REQUEST_LABEL, needs_image_user
from pfcon.compute.docker_api.log import LOG_BYTES, LogTail
from pfcon.compute.docker_api.phase import Phase
from pfcon.compute.docker_api.pull import fetch
from pfcon.compute.docker_api.root import find_root
from pfcon.compute.log_copy import LogChunk, copied
from pfcon.compute.per_process import PerProcess
from pfcon.compute.runtimes import CODES, LONGEST, failure_in_log, start_failure
from pfcon.compute.settings import ComputeSettings
from pfcon.compute.sources import require_sources
from pfcon.compute.stopping import Stop
from pfcon.compute.store_mark import StoreMark
from pfcon.compute.unanswered import NoAnswer, maybe_created
from pfcon.compute.unreadable import labels_of
from pfcon.compute.workers import headed
from pfcon.errors import Absent, Foreign, ImageMissing, PfconError, Refused, refused
from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.reasons import CANCELLED, SUCCESS, Reason, Why, explain

if TYPE_CHECKING:  # the SDK takes 0.2 s to import
    from pfcon.compute.docker.client import DockerCalls

_log = logging.getLogger(__name__)

STOP_GRACE = 10  # seconds between SIGTERM and SIGKILL
_WHOLE_LOG = 256 * 1024 * 1024  # bytes, about a second; see _read_log
_READ = 256 * 1024  # bytes
_CHECK_VALID = 600.0  # seconds for which a check of what the engine mounts is valid
_MAX_KNOWN = 10_000


class DockerEngine(ComputeEngine):
    """Runs jobs as containers.

    A job is a container of its name with pfcon's labels, and one more for each further worker. Other containers are
    never changed: for ``info``, ``logs``, ``cancel`` and ``remove`` they are absent, for ``schedule`` a conflict.
    """

    name, has_queue = "docker", False

    def __init__(
        self, settings: ComputeSettings, own: DockerEngineSettings, storebase_mount: Path, stop_grace: int = STOP_GRACE
    ) -> None:
        """storebase_mount: the path of storeBase in this process. stop_grace: seconds. Does not connect."""
        self._settings = settings
        self._own = own
        self._storebase_mount = storebase_mount
        self._stop_grace = stop_grace
        self._connection = PerProcess(self._connect)
        self._root: PurePosixPath | None = None
        self._mark = StoreMark(storebase_mount)
        self._checked_until = 0.0  # monotonic seconds
        self._known: dict[str, tuple[str, str]] = {}  # of known jobs, by name: the container's Id, and the request

    @property
    def _calls(self) -> "DockerCalls":
        return self._connection.get()

    def _connect(self) -> "DockerCalls":
        from pfcon.compute.docker.client import DockerCalls

        return DockerCalls(self._own)

    def schedule(self, spec: JobSpec) -> JobInfo:
        """See ComputeEngine. A container whose command can't be run is kept, as a failed job."""
        require_possible(spec)
        require_sources(all_mounts(spec), self._storebase_mount)
        self._calls.require_new_enough()
        try:
            image_user = self._calls.image_user(spec.image) if needs_image_user(spec.user) else ""
            root = self._storebase(spec.image)
            bodies = [create_body(spec, root, image_user, worker) for worker in range(spec.resources.workers)]
            first = containers.create_first(self._calls, spec, bodies[0])
            others = self._create_others(spec, first, bodies)
        except Absent as fault:
            if "image" not in str(fault).lower():
                raise Refused(str(fault)) from fault
            raise ImageMissing(f"fetching image {spec.image}") from fault
        return self._start(spec, first, others)

    def _create_others(self, spec: JobSpec, first: str, bodies: list[dict[str, Any]]) -> list[str]:
        """Return the Ids of the further containers that have to be started. If one can't be made, all are removed."""
        others: list[str] = []
        try:
            for worker, body in enumerate(bodies[1:], 1):
                others.append(containers.create_other(self._calls, spec, worker, body))
        except NoAnswer as fault:
            raise maybe_created(fault) from fault
        except PfconError:
            containers.remove_all(self._calls, first, others)
            raise
        return others

    def _start(self, spec: JobSpec, first: str, others: list[str]) -> JobInfo:
        """Start a job's containers, the first one last. others: ``""`` for one that has been started."""
        try:
            for container in filter(None, [*others, first]):
                if spec.resources.gpus and lacks_gpus(self._calls.inspect(container)):
                    raise Refused("gpu_limit: this container engine can't give GPUs to jobs")
                self._calls.start(container)
        except NoAnswer as fault:
            raise maybe_created(fault) from fault
        except PfconError as fault:
            lacking = init.lacking(str(fault), podman=self._calls.podman)
            why = None if lacking else start_failure(str(fault), spec.image, spec.argv[0])
            if why is None:
                containers.remove_all(self._calls, first, others)
                if lacking:
                    raise refused(explain(Reason.ENGINE_SETUP, cause=lacking)) from fault
                raise
            return self._keep_failed(spec, first, why)
        # No inspect: right after a start, an engine needs half as long for that as for the start.
        return JobInfo(spec.name, JobStatus.STARTED, image=spec.image, argv=spec.argv, request=spec.request)

    def _keep_failed(self, spec: JobSpec, container: str, why: Why) -> JobInfo:
        """Return the state of a job whose command can't be run, and note it for later calls of ``info``."""
        found = self._find(spec.name)
        if not state.start_error(found):  # Podman does not keep it
            self._leave_note(container, why)
        if spec.resources.workers > 1:
            return self._info_of_several(spec.name, found)
        return state.job_info(spec.name, found, datetime.now(UTC), why)

    def _leave_note(self, container: str, why: Why) -> None:
        try:
            notes.leave(self._calls, container, why)
        except PfconError as fault:  # the note is only an explanation: the job is ended without it, too
            _log.warning("can't leave the note %r in container %s: %s", why.message, container, fault)

    def prepare(self, spec: JobSpec, report: Callable[[str], None], stop: Stop) -> None:
        """See ComputeEngine."""
        fetch(self._calls, spec.image, report, stop)

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        """See ComputeEngine. Also raises Absent for a container that is not a job of pfcon's."""
        found = self._find(name, mine)
        if state.workers_of(found) > 1:
            return self._info_of_several(name, found)
        note = self._note(found)
        unstarted = SUCCESS if note else self._unstarted(found)
        return state.job_info(name, found, datetime.now(UTC), note, unstarted)

    def _info_of_several(self, name: str, first: dict[str, Any]) -> JobInfo:
        """Return the state of a job with several workers; end the others if one has failed."""
        found, note, (info, why) = self._look(name, first)
        if not why:
            return info
        if not note:
            self._leave_note(first["Id"], why)
        containers.stop(self._calls, found.running, self._stop_grace)
        return self._look(name, self._find(name))[2][0]

    def _look(self, name: str, first: dict[str, Any]) -> tuple[several.Containers, Why, tuple[JobInfo, Why]]:
        """Return the containers of a job with several workers, its note, and what ``several.Containers.look`` does."""
        found = several.Containers(name, first, containers.others_of(self._calls, name, first))
        note = SUCCESS if found.all_run else notes.read(self._calls, first["Id"])
        return found, note, found.look(datetime.now(UTC), note, self._unstarted)

    def _find(self, name: str, mine: Mine = anyone) -> dict[str, Any]:
        container = container_name(name)
        found = self._calls.inspect(container)
        if not state.is_job(found, container):
            raise Absent(f"there is no job {name}; a container that is not pfcon's has that name")
        require_mine(
            name,
            state.request_of(found),
            mine,
            service=state.service_of(found),
            ended=lambda: state.phase_of(found) is Phase.ENDED,
        )
        if state.workers_of(found) == 1:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[name] = (found["Id"], state.request_of(found))
        return found

    def _note(self, found: dict[str, Any]) -> Why:
        return notes.read(self._calls, found["Id"]) if state.may_have_note(found) else SUCCESS

    def _unstarted(self, found: dict[str, Any]) -> Why:
        """Return why the command could not be run, if an ended container's log reports that."""
        if state.end_code(found) not in CODES:
            return SUCCESS
        log = LogTail()
        with self._calls.ask("GET", "containers", found["Id"], "logs", stdout=1, stderr=1) as answer:
            log.feed(answer.read(LONGEST))
        return failure_in_log(log.text(2), *state.image_and_command(found)) or SUCCESS

    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """See ComputeEngine. At most 1 MiB."""
        container, request = self._known.get(name, ("", ""))
        if container and mine(request):  # by Id, never the log of another job
            with contextlib.suppress(Absent):
                return self._read_log(container, tail_lines)
            self._known.pop(name, None)
        found = self._find(name, mine)
        if state.workers_of(found) == 1:
            return self._read_log(found["Id"], tail_lines)
        every = [found, *containers.others_of(self._calls, name, found)]
        return headed([partial(self._log_of_worker, one) for one in every], tail_lines, LOG_BYTES)

    def _log_of_worker(self, found: dict[str, Any] | None, tail_lines: int, limit: int) -> str:
        with contextlib.suppress(Absent):
            return self._read_log(found["Id"], tail_lines, limit) if found else ""
        return ""

    def _read_log(self, container: str, tail_lines: int, limit: int = LOG_BYTES) -> str:
        """Return the last lines of a log.

        The whole log is requested, unless it is very long: with a number of lines, Podman 4.3 loses text of lines that
        were written in parts.
        """
        wanted = ["all", str(tail_lines)] if self._calls.podman else [str(tail_lines)]
        log = LogTail(limit)
        for tail in wanted:
            log = LogTail(limit)
            with self._calls.ask("GET", "containers", container, "logs", stdout=1, stderr=1, tail=tail) as answer:
                while (tail != "all" or log.seen < _WHOLE_LOG) and (data := answer.read(_READ)):
                    log.feed(data)
            if log.seen < _WHOLE_LOG:
                break
        return log.text(tail_lines)

    def log_after(self, name: str, cursor: str, *, ended: bool, mine: Mine = anyone) -> Iterator[LogChunk]:
        """See ComputeEngine."""
        first = self._find(name, mine)
        sources = containers.log_sources(self._calls, [first, *containers.others_of(self._calls, name, first)])
        return copied(sources, cursor, ended=ended)

    def cancel(self, name: str, mine: Mine = anyone, why: Why = CANCELLED) -> None:
        """See ComputeEngine. Returns when the job has stopped, at most some seconds after the grace for SIGTERM."""
        first = self._find(name, mine)
        if state.workers_of(first) == 1:
            info, found = state.job_info(name, first, datetime.now(UTC)), [first]
        else:
            every, _, (info, _) = self._look(name, first)
            found = every.running
        if not info.status.final:
            self._leave_note(first["Id"], why)
            containers.stop(self._calls, found, self._stop_grace)

    def remove(self, name: str, mine: Mine = anyone) -> None:
        """See ComputeEngine. Does not change a container that is not a job of pfcon's."""
        try:
            first = self._find(name, mine)
        except Foreign:
            return
        except Absent:  # somebody may have removed the first of several containers
            for found in self._calls.containers_of(name):
                if mine(str(labels_of(found).get(REQUEST_LABEL, ""))):
                    containers.remove(self._calls, found["Id"])
            return
        others = containers.others_of(self._calls, name, first)
        containers.remove_all(self._calls, first["Id"], [other["Id"] for other in others if other])
        self._known.pop(name, None)

    def active_jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        return listing.active_jobs(self._calls.list_jobs(active=True), datetime.now(UTC))

    def jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        return listing.requests(self._calls.list_jobs(active=False))

    def require_answer(self) -> None:
        """See ComputeEngine."""
        self._calls.require_answer()

    def check(self) -> str:
        """See ComputeEngine. Raises Refused if the engine is too old, loses exit codes, or has no init for jobs."""
        self._calls.require_supported()
        if self._calls.lacks_init():
            raise Refused(init.missing(podman=self._calls.podman))
        return f"{self._calls.product()}{limits.sentence(self._calls.unlimited())} at {self._calls.where}"

    def _storebase(self, image: str) -> PurePosixPath:
        """Return the path of storeBase on the engine's host; check it from time to time, with an existing image."""
        if self._root is None:
            self._root = find_root(self._settings, self._own.selector, self._storebase_mount, self._calls)
        if time.monotonic() > self._checked_until:
            require_same(self._root, self._mark, self._storebase_mount, self._calls, image)
            self._checked_until = time.monotonic() + _CHECK_VALID
        return self._root
