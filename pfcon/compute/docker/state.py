"""Translates a Docker API's inspect answer to a JobInfo. Pure."""

import re
from datetime import datetime, timedelta
from typing import Any

from pfcon.compute import unreadable
from pfcon.compute.details import digest_of, own_exit_code
from pfcon.compute.docker.spec import WORKERS_LABEL
from pfcon.compute.docker_api.job import JOB_TYPE_LABEL, REQUEST_LABEL, SERVICE_LABEL, time_limit_of
from pfcon.compute.docker_api.phase import Phase, time_of
from pfcon.compute.exits import by_exit_code, out_of_memory_note
from pfcon.compute.runtimes import start_failure
from pfcon.compute.unreadable import labels_of, reading
from pfcon.compute.words import plain
from pfcon.models import JobInfo, JobStatus, RunDetails
from pfcon.reasons import SUCCESS, Reason, Why, explain

START_PATIENCE = timedelta(seconds=90)
"""A container that has not started this long after its creation never will: ``schedule`` has failed by then."""

LOST = explain(Reason.END_UNKNOWN, cause="its machine may have been restarted", interrupted=True)

_GIVEN_UP = "context canceled"  # of Go's package context

# State.Status of Docker (Engine API reference, ContainerInspect) and of Podman (podman-ps manual, "status").
_PHASES = {
    "created": Phase.WAITING,
    "configured": Phase.WAITING,
    "initialized": Phase.WAITING,
    "running": Phase.RUNNING,
    "paused": Phase.RUNNING,
    "restarting": Phase.RUNNING,
    "stopping": Phase.RUNNING,
    "exited": Phase.ENDED,
    "stopped": Phase.ENDED,
    "removing": Phase.GOING,
    "dead": Phase.GOING,
}


def phase_of(inspect: dict[str, Any]) -> Phase:
    """Return the phase of a container; log a warning for a state that is not documented.

    After a reset of the machine, Podman 4.3 reports a container that ran as ``created``, but with its start time.
    """
    status = str(inspect["State"].get("Status"))
    phase = _PHASES.get(status, Phase.UNKNOWN)
    if phase is Phase.WAITING and time_of(inspect["State"].get("StartedAt")):
        phase = Phase.ENDED
    if phase is Phase.UNKNOWN:
        unreadable.note(f"container {inspect.get('Name')} is in the unknown state {status!r}")
    return phase


def is_job(inspect: dict[str, Any], name: str) -> bool:
    """Return whether an inspect answer is about a job with that container name.

    Engines also answer for a name that is a prefix of a container's Id, and for containers that are not pfcon's.
    """
    labels = labels_of(inspect["Config"])
    own_name: str = inspect["Name"]
    return own_name.removeprefix("/") == name and (REQUEST_LABEL in labels or JOB_TYPE_LABEL in labels)


def workers_of(inspect: dict[str, Any]) -> int:
    """Return the number of workers of a container's job."""
    text = str(labels_of(inspect["Config"]).get(WORKERS_LABEL, ""))
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,5}", text) else 1


def request_of(inspect: dict[str, Any]) -> str:
    """Return JobSpec.request of the job; ``""`` for a job of another pfcon version."""
    return str(labels_of(inspect["Config"]).get(REQUEST_LABEL, ""))


def service_of(inspect: dict[str, Any]) -> object:
    """Return JobSpec.service as the container shows it; empty for a job of an earlier release."""
    return labels_of(inspect["Config"]).get(SERVICE_LABEL, "")


def may_have_note(inspect: dict[str, Any]) -> bool:
    """Return whether the container may have a note (see ``notes``) with more information than the inspect answer."""
    phase = phase_of(inspect)
    return phase is Phase.ENDED or (phase is Phase.WAITING and not start_error(inspect))


def start_error(inspect: dict[str, Any]) -> str:
    """Return why the engine could not start a container that has not run; ``""`` if it has not been started.

    Docker 26 gives up a start when its client goes away, as a killed pfcon does, and keeps that as an error. The
    container is as it was before, and can be started.
    """
    error = str(inspect["State"].get("Error") or "")
    return "" if error.endswith(_GIVEN_UP) else error


def end_code(inspect: dict[str, Any]) -> int | None:
    """Return the exit code of a container that has run and ended; None for others."""
    return int(inspect["State"].get("ExitCode") or 0) if phase_of(inspect) is Phase.ENDED else None


def image_and_command(inspect: dict[str, Any]) -> tuple[str, str]:
    """Return the image of a container and the first word of its command; ``""`` if missing."""
    return inspect["Config"].get("Image") or "", next(iter(_argv(inspect)), "")


def job_info(
    name: str, inspect: dict[str, Any], now: datetime, note: Why = SUCCESS, unstarted: Why = SUCCESS
) -> JobInfo:
    """Return the state of a job. note: why pfcon has ended it, empty if it has not. now: aware.

    unstarted: why its command could not be run, if its log reports that. An answer that can't be read makes the job
    ``undefined``.
    """
    return reading(
        f"the container engine's answer about job {name}",
        lambda: _job_info(name, inspect, now, note, unstarted),
        lambda message: JobInfo(name, JobStatus.UNDEFINED, message, request=request_of(inspect)),
    )


def _job_info(name: str, inspect: dict[str, Any], now: datetime, note: Why, unstarted: Why) -> JobInfo:
    state = inspect["State"]
    phase = phase_of(inspect)
    status, why, finished = JobStatus.STARTED, SUCCESS, None
    if phase is Phase.WAITING:
        status, why = _waiting(inspect, now, note)
        finished = time_of(inspect.get("Created")) if status.final else None
    elif phase is Phase.ENDED or (phase is Phase.GOING and time_of(state.get("FinishedAt"))):
        finished = time_of(state.get("FinishedAt"))
        why = note or unstarted or _end(inspect)
        status = JobStatus.FAILED if why else JobStatus.SUCCEEDED
    elif phase is not Phase.RUNNING:
        status, why = JobStatus.UNDEFINED, Why(f"the container is {state.get('Status')}")
    elif state["Status"] != "running":
        why = Why(state["Status"])
    return JobInfo(
        name=name,
        status=status,
        message=why.message or (_success_note(inspect) if status is JobStatus.SUCCEEDED else ""),
        image=inspect["Config"].get("Image") or "",
        argv=_argv(inspect),
        finished_at=finished,
        request=request_of(inspect),
        interrupted=why.interrupted,
        details=reading(
            f"the container engine's answer about the run of job {name}",
            lambda: _details(inspect, by_init=bool(unstarted)),
            lambda _: RunDetails(),
        ),
        reason=why.reason,
        detail=why.detail,
        time_limit=time_limit_of(labels_of(inspect["Config"])),
    )


def _details(inspect: dict[str, Any], *, by_init: bool) -> RunDetails:
    """Return the details of a run; at most ``placed_at`` if the command has not been started.

    A Docker engine is one node, and has no queue: a job has its place when its container is created. If the image was
    fetched before that, the service knows when that began. by_init: whether its init reports that the command could
    not be run.
    """
    state = inspect["State"]
    started, created = time_of(state.get("StartedAt")), time_of(inspect.get("Created"))
    if not started or by_init or _start_failed(inspect):
        return RunDetails(placed_at=created)
    finished = time_of(state.get("FinishedAt"))  # missing after a reset of the machine: then the exit code is not known
    code = end_code(inspect) if finished else None
    manifest = inspect.get("ImageManifestDescriptor") or {}  # of Docker 28 with its containerd image store
    return RunDetails(
        started_at=started,
        exit_code=None if code is None else own_exit_code(code),
        image_digest=digest_of(manifest.get("digest")) or digest_of(inspect.get("Image")),
        placed_at=created,
    )


def _start_failed(inspect: dict[str, Any]) -> bool:
    """Return whether the engine reports that a container has ended because its command could not be run."""
    return bool(end_code(inspect) and inspect["State"].get("Error") and not inspect["State"].get("OOMKilled"))


def _waiting(inspect: dict[str, Any], now: datetime, note: Why) -> tuple[JobStatus, Why]:
    error = start_error(inspect)
    if note or error:
        return JobStatus.FAILED, note or _not_started(inspect, error)
    created = time_of(inspect.get("Created"))
    if created and now - created > START_PATIENCE:  # the process that would have started it was killed
        cause = "the service was stopped before it started the container"
        return JobStatus.FAILED, explain(Reason.INTERRUPTED, cause=cause, interrupted=True)
    return JobStatus.NOT_STARTED, SUCCESS


def _not_started(inspect: dict[str, Any], error: str) -> Why:
    known = start_failure(error, *image_and_command(inspect))
    return known or explain(Reason.ENGINE_FAULT, cause=plain(error), detail=plain(error))


def _end(inspect: dict[str, Any]) -> Why:
    """Return why a job has ended that pfcon did not end; empty after success.

    After a reset of the machine, Podman knows neither time nor exit code of the containers that ran; newer releases
    report the code 0 with the state ``exited`` (resetContainerState in its source).
    """
    state = inspect["State"]
    if not time_of(state.get("FinishedAt")):
        return LOST
    code = int(state.get("ExitCode") or 0)
    oom_killed = bool(state.get("OOMKilled"))
    if code and state.get("Error") and not oom_killed:
        return _not_started(inspect, state["Error"])
    return by_exit_code(code, _memory_limit(inspect), oom_killed=oom_killed)


def _success_note(inspect: dict[str, Any]) -> str:
    """Return what the user of a job that succeeded should know; ``""`` if nothing."""
    return out_of_memory_note(_memory_limit(inspect)) if inspect["State"].get("OOMKilled") else ""


def _memory_limit(inspect: dict[str, Any]) -> int:
    """Return the memory limit of a container in bytes; 0 for none."""
    return int((inspect.get("HostConfig") or {}).get("Memory") or 0)


def _argv(inspect: dict[str, Any]) -> tuple[str, ...]:
    # Not Path and Args: Podman repeats a command without arguments in Args.
    config = inspect["Config"]
    words: list[str] = []
    for part in (config.get("Entrypoint"), config.get("Cmd")):
        words += [part] if isinstance(part, str) else part or []
    return tuple(words)
