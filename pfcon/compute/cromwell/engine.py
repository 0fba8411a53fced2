"""The cromwell engine: each job is a workflow of one task on the backend ``pfcon`` of a Cromwell server."""

import contextlib
import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pfcon.compute.base import ComputeEngine, Mine, all_mounts, anyone
from pfcon.compute.cromwell import state
from pfcon.compute.cromwell.claims import Claim, Claims
from pfcon.compute.cromwell.client import CromwellCalls
from pfcon.compute.cromwell.description import CromwellSettings
from pfcon.compute.cromwell.files import ERROR_BYTES, ERROR_LINES, TaskFiles
from pfcon.compute.cromwell.listing import Lister
from pfcon.compute.cromwell.spec import BACKEND, OPTIONS, REFUSALS, document, labels, require_possible
from pfcon.compute.cromwell.tracker import LAG, LOST, POLL, Tracker
from pfcon.compute.log import clean_log
from pfcon.compute.log_copy import LogChunk, copied
from pfcon.compute.per_process import PerProcess
from pfcon.compute.settings import ComputeSettings
from pfcon.compute.signing import Signer
from pfcon.compute.sources import require_sources
from pfcon.compute.unanswered import NoAnswer, maybe_created
from pfcon.compute.unreadable import FAULTS, unread
from pfcon.errors import Absent, Conflict, PfconError, Refused, Unreachable
from pfcon.files.descent import UnreadableTreeError
from pfcon.files.removal import NotRemovedError
from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.polling import polls
from pfcon.reasons import CANCELLED, Reason, Why, explain

_log = logging.getLogger(__name__)

REMOVE_WAIT = 90.0  # seconds for an aborted workflow to end; Slurm's KillWait is 30
_MAX_PATHS = 10_000
_REFUSED_CODES = tuple(REFUSALS.values())


class CromwellEngine(ComputeEngine):
    """Runs jobs through a Cromwell server that shares storeBase with its compute nodes.

    A job is its claim in storeBase (see ``claims``) and the workflow that has the claim's token as a label. If the
    claims are lost, a workflow is found again by the labels of its name and storeBase; then its command is unknown.
    """

    name = "cromwell"
    log_reads_per_minute = None  # logs are files
    own_time_limit = True

    def __init__(
        self,
        settings: ComputeSettings,
        own: CromwellSettings,
        storebase: StoreBase,
        *,
        lag: float = LAG,
        remove_wait: float = REMOVE_WAIT,
    ) -> None:
        """``lag``, ``remove_wait``: seconds, see above. Does not connect. Raises Refused for missing settings."""
        if settings.storebase is None or settings.timelimit is None:
            raise Refused("the cromwell engine needs STOREBASE and TIMELIMIT_MINUTES")
        self._storebase = storebase
        self._root = settings.storebase
        self._minutes = settings.timelimit
        self._remove_wait = remove_wait
        self._connection = PerProcess(lambda: CromwellCalls(own.url))
        self._claims = Claims(storebase)
        self._tracker = Tracker(
            self._claims, self._connection.get, Signer(storebase), root=self._root, minutes=self._minutes, lag=lag
        )
        self._lister = Lister(self._claims, self._connection.get, self._root)
        self._files = TaskFiles(storebase, self._root)
        self._paths: dict[str, tuple[str, str]] = {}  # of a workflow's stdout and stderr
        with contextlib.suppress(OSError):  # ``check`` reports a storeBase that is missing
            self._claims.sweep()

    @property
    def _calls(self) -> CromwellCalls:
        return self._connection.get()

    def schedule(self, spec: JobSpec) -> JobInfo:
        """See ComputeEngine. Raises Refused for GPUs, several workers, a user, and other unsupported options."""
        require_possible(spec)
        require_sources(all_mounts(spec), self._storebase.root)
        minutes = min(spec.resources.time_limit or self._minutes, self._minutes)
        source = document(spec, self._root, minutes)
        with self._storebase_errors(f"start {spec.name}"):
            existing = self._tracker.known(spec.name)
            if existing and (existing.workflow or existing.spec.request != spec.request):
                raise Conflict(f"a job {spec.name} already exists")
            claim = existing or self._claims.take(spec, uuid.uuid4().hex, minutes)
            with claim.submitting() as mine:
                if not mine or claim.workflow or (existing and self._tracker.workflow(existing, wait=True)):
                    raise Conflict(f"a job {spec.name} already exists")
                self._submit(claim, spec, source)
        return JobInfo(
            spec.name,
            JobStatus.NOT_STARTED,
            "waiting in Cromwell",
            image=spec.image,
            argv=spec.argv,
            request=spec.request,
        )

    def _submit(self, claim: Claim, spec: JobSpec, source: str) -> None:
        try:
            workflow = self._calls.submit(source, labels(spec, self._root, claim.token), OPTIONS)
        except NoAnswer as fault:
            if fault.may_have_arrived:
                raise maybe_created(fault) from fault
            self._claims.release(claim)
            raise
        except Unreachable as fault:  # the server failed, maybe after it had created the job
            raise maybe_created(fault) from fault
        except PfconError as fault:
            self._claims.release(claim)
            raise Refused(str(fault)) from fault
        if not claim.set_workflow(workflow):
            self._calls.abort(workflow)
            raise Conflict(f"job {spec.name} was removed while it was being submitted")

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        """See ComputeEngine. Also raises Absent for a job whose workflow Cromwell has forgotten."""
        with self._storebase_errors(f"read the state of {name}"):
            claim = self._tracker.get(name, mine)
            workflow = self._tracker.workflow(claim)
            word = self._tracker.word(claim, workflow)
            if not word:
                return _unlisted_info(claim)
            if state.has_ended(word):
                return self._ended(claim, workflow)
            return _info(claim, *state.status_of(word))

    def _ended(self, claim: Claim, workflow: str) -> JobInfo:
        metadata = self._calls.metadata(workflow, state.METADATA_KEYS)
        try:
            end = state.end_of(metadata)
        except FAULTS as fault:
            message = unread(f"Cromwell's answer about the end of job {claim.spec.name}", fault)
            return _info(claim, JobStatus.UNDEFINED, message)
        if end.code is None:
            end = replace(end, code=self._code(workflow))
        refused, lost = end.code in _REFUSED_CODES, state.was_lost(end)
        stderr = self._stderr(workflow) if refused or lost else ""
        refusal, late = state.refusal_of(stderr) if refused else "", lost and state.says_time_limit(stderr)
        self._remove_script(workflow)
        cancelled = claim.cancellation()
        why = state.why_of(end, claim.spec, claim.minutes, cancelled=cancelled, refusal=refusal, timed_out=late)
        info = _info(claim, state.status_of(end.status)[0], finished_at=end.finished_at).because(why)
        return replace(info, details=state.details_of(end, refusal))

    def _code(self, workflow: str) -> int | None:
        """Return the exit code from the task's own file, because Cromwell's metadata may lack it; None if missing."""
        try:
            raw = self._files.tail(str(PurePosixPath(self._log_paths(workflow)[0]).with_name("rc")), 1, 16)
            return int(raw)
        except (Refused, OSError, ValueError):
            return None

    def _remove_script(self, workflow: str) -> None:
        """Remove the task's script, which contains the job's environment; Cromwell's own records are not changed."""
        try:
            if stdout := self._log_paths(workflow)[0]:
                self._files.remove_script(stdout)
        except (Refused, OSError) as fault:
            message = "the script of workflow %s, which contains the job's environment, could not be removed: %s"
            _log.warning(message, workflow, fault)

    def _stderr(self, workflow: str) -> str:
        """Return what the job's script, the container runtime and the scheduler have reported last."""
        try:
            return clean_log(self._files.tail(self._log_paths(workflow)[1], ERROR_LINES, ERROR_BYTES))
        except (Refused, OSError):
            return ""  # the exit code is reported then

    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """See ComputeEngine. Raises Refused if Cromwell keeps its files outside of storeBase."""
        with self._storebase_errors(f"read the log of {name}"):
            workflow = self._tracker.workflow(self._tracker.get(name, mine))
            stdout, stderr = self._log_paths(workflow) if workflow else ("", "")
            return self._files.log(stdout, stderr, tail_lines)

    def log_after(self, name: str, cursor: str, *, ended: bool, mine: Mine = anyone) -> Iterator[LogChunk]:
        """See ComputeEngine. At the end, what runtime and scheduler have said follows. Raises Refused as above."""
        with self._storebase_errors(f"read the log of {name}"):
            workflow = self._tracker.workflow(self._tracker.get(name, mine))
            stdout, stderr = self._log_paths(workflow) if workflow else ("", "")
            yield from copied(self._files.sources(stdout, stderr if ended else ""), cursor, ended=ended)

    def _log_paths(self, workflow: str) -> tuple[str, str]:
        """Return the paths of the stdout and stderr of a workflow's task; empty texts before it has started."""
        if workflow not in self._paths:
            try:
                paths = state.log_paths(self._calls.metadata(workflow, ("stdout", "stderr")))
            except Absent:
                paths = ("", "")
            if not all(paths):
                return paths
            if len(self._paths) >= _MAX_PATHS:
                self._paths.clear()
            self._paths[workflow] = paths
        return self._paths[workflow]

    def cancel(self, name: str, mine: Mine = anyone, why: Why = CANCELLED) -> None:
        """See ComputeEngine. Returns when Cromwell has accepted the request."""
        with self._storebase_errors(f"cancel {name}"):
            claim = self._tracker.get(name, mine)
            workflow = self._tracker.workflow(claim, wait=True)
            if not workflow and _unlisted_info(claim).status.final:
                return
            if not workflow:
                raise Unreachable(f"job {name} is being submitted to Cromwell; try again")
            word = self._tracker.word(claim, workflow)
            if word and state.has_ended(word):
                return
            claim.set_cancelled(why)
            self._calls.abort(workflow)

    def remove(self, name: str, mine: Mine = anyone) -> None:
        """See ComputeEngine. Cromwell keeps all workflows, so pfcon records in storeBase that the job was removed."""
        with self._storebase_errors(f"remove {name}"):
            claim = self._tracker.known(name)
            if claim is None or not mine(claim.spec.request):
                return
            if workflow := self._tracker.workflow(claim, wait=True):
                self._stop(claim, workflow)
                self._remove_files(workflow)
                self._paths.pop(workflow, None)
            self._claims.release(claim)

    def _stop(self, claim: Claim, workflow: str) -> None:
        """Abort a workflow and wait for its end. Raises Unreachable if that takes too long."""
        aborted = False
        for _ in polls(self._remove_wait, POLL):
            try:
                word = self._tracker.word(claim, workflow)
            except Absent:
                return
            if word and state.has_ended(word):
                return
            if not aborted:
                self._calls.abort(workflow)
                aborted = True
        raise Unreachable(f"Cromwell was asked to abort job {claim.spec.name}, but it has not ended yet; try again")

    def _remove_files(self, workflow: str) -> None:
        try:
            path = self._calls.metadata(workflow, ("workflowRoot",)).get("workflowRoot")
            if path:
                self._files.remove(workflow, str(path))
        except (Absent, Refused, NotRemovedError, UnreadableTreeError) as fault:
            _log.warning("the files of workflow %s could not be removed: %s", workflow, fault)

    def active_jobs(self) -> Mapping[str, str]:
        """See ComputeEngine. The texts are a second or two old, as all that a query finds."""
        return self._lister.active_jobs()

    def jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        with self._storebase_errors("list jobs"):
            return self._lister.requests()

    def check(self) -> str:
        """See ComputeEngine. Raises Refused if Cromwell has no backend for pfcon."""
        with self._storebase_errors("record jobs"):
            self._claims.prepare()
        version = self._calls.version()
        if BACKEND not in (backends := self._calls.backends()):
            known = ", ".join(backends) or "none"
            raise Refused(
                f"Cromwell at {self._calls.where} has no backend {BACKEND!r} (it has {known}): add it to its "
                "configuration as in docs/engines/cromwell.md"
            )
        return f"Cromwell {version} at {self._calls.where}"

    @contextlib.contextmanager
    def _storebase_errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            raise Unreachable(f"the cromwell engine can't {action}: {fault.strerror or fault}") from fault


def _info(claim: Claim, status: JobStatus, message: str = "", finished_at: datetime | None = None) -> JobInfo:
    spec = claim.spec
    return JobInfo(spec.name, status, message, spec.image, spec.argv, finished_at, spec.request)


def _unlisted_info(claim: Claim) -> JobInfo:
    """Return the state of a job whose workflow Cromwell does not list."""
    if time.time() - claim.created_at < LOST:
        return _info(claim, JobStatus.NOT_STARTED, "being submitted to Cromwell")
    ended = datetime.fromtimestamp(claim.created_at + LOST, UTC)
    why = explain(Reason.INTERRUPTED, cause="Cromwell did not receive the job", interrupted=True)
    return _info(claim, JobStatus.FAILED, finished_at=ended).because(why)
