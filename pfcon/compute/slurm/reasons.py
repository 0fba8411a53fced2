"""Why a Slurm job has failed: according to its script, Slurm, the runtime or the exit code, in that order. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pfcon.compute.details import own_exit_code
from pfcon.compute.interruption import Why, stopped, was_killed
from pfcon.compute.slurm.parsing import Row
from pfcon.compute.words import exit_message, plain, start_failure, time_limit_message
from pfcon.models import JobSpec
from pfcon.units import mib_to_bytes

OUTSIDE = 98  # job.sh: the directory does not exist, or belongs to another job
NO_LOG = 53  # slurmstepd can't open the file of --output; reported as a signal


_ENDS = {
    "NODE_FAIL": Why("its node failed", interrupted=True),
    "PREEMPTED": Why("stopped by Slurm in favour of another job (preempted)", interrupted=True),
    "BOOT_FAIL": Why("its node did not start", interrupted=True),
    "DEADLINE": Why("Slurm could not end it before its deadline"),
    "REVOKED": Why("it was moved to another cluster of the federation", interrupted=True),
}
# Texts of slurmstepd in the job's slurm.log; they contain the reason also after Slurm has forgotten the job.
_EVIDENCE = {
    "TIMEOUT": re.compile(r"DUE TO TIME LIMIT"),
    "OUT_OF_MEMORY": re.compile(
        r"oom[-_ ]kill|exceeded (?:job |step )?memory limit|exceeded its memory", re.IGNORECASE
    ),
    "NODE_FAIL": re.compile(r"DUE TO NODE FAILURE"),
    "PREEMPTED": re.compile(r"DUE TO PREEMPTION"),
    "CANCELLED": re.compile(r"\bJOB \S+ ON \S+ CANCELLED AT"),
}
_STOPPED = ("TIMEOUT", "CANCELLED", "PREEMPTED")
_STEP_CANCELLED = re.compile(r"\bSTEP \S+ ON \S+ CANCELLED AT")  # also by srun, if one worker fails
# Texts of ch-run, and of a shell whose `exec` in launch.sh fails. For OCI runtimes, see pfcon/compute/words.py.
_NO_COMMAND = re.compile(r"can't exec(?:ve\(2\))?: .*: No such file|launch\.sh: .*: not found")
_NOT_EXECUTABLE = re.compile(
    r"can't exec(?:ve\(2\))?: .*: (?:Permission denied|Exec format error|Is a directory|Not a directory)"
    r"|launch\.sh: .*: (?:Permission denied|Exec format error|Is a directory|cannot execute.*)"
)
# Words of job.sh in the record of the end.
_ABORTED = "aborted"  # workers were ended, or did not start: none of them failed by itself
_SCRIPT = {
    "no-launcher": "its node has no {program} (SLURM_LAUNCHER={launcher}), or it is not on the PATH",
    "no-temporary": "no temporary directory could be created on its node (TMPDIR)",
}


@dataclass(frozen=True)
class Exit:
    """The record that job.sh writes at its end. word: its reason, in addition to the status."""

    status: int
    word: str
    at: datetime


@dataclass(frozen=True)
class Seen:
    """Everything known about a job that Slurm does not run.

    cancelled: the message with which pfcon has cancelled it; ``""`` if it has not. slurm_log, launcher_log: the last
    messages of Slurm on the node, and of the launcher.
    """

    row: Row | None
    exit: Exit | None
    cancelled: str = ""
    slurm_log: str = ""
    launcher_log: str = ""


@dataclass(frozen=True)
class Site:
    """Names for messages. directory: the path of the job's directory on the nodes."""

    launcher: str
    program: str
    directory: str


def evident_state(seen: Seen) -> str:
    """Return Slurm's state of the job from its slurm.log, for jobs that Slurm has forgotten; empty if not shown."""
    return next((state for state, pattern in _EVIDENCE.items() if pattern.search(seen.slurm_log)), "")


def was_stopped(seen: Seen) -> bool:
    """Return whether Slurm has stopped the job: what Slurm does not know of it may still run."""
    return (seen.row.state if seen.row else evident_state(seen)) in _STOPPED


def has_succeeded(end: Exit | None, slurm_log: str) -> bool:
    """Return whether the script reports success. A job may end with 0 because Slurm stops it at its time limit."""
    return end is not None and end.status == 0 and not _EVIDENCE["TIMEOUT"].search(slurm_log)


@dataclass(frozen=True)
class _End:
    """A job that has failed. state: Slurm's, or the one that slurm.log shows. word: job.sh's own. code: exit status."""

    spec: JobSpec
    seen: Seen
    site: Site
    state: str
    word: str
    code: int


def reason_of(spec: JobSpec, seen: Seen, site: Site) -> Why:
    """Return why a job has failed."""
    word = seen.exit.word if seen.exit else ""
    state = seen.row.state if seen.row and seen.row.state not in ("", "FAILED", "COMPLETED") else evident_state(seen)
    if word == _ABORTED and not state and _STEP_CANCELLED.search(seen.slurm_log):
        state = "CANCELLED"
    code = seen.exit.status if seen.exit else seen.row.code if seen.row else 0
    end = _End(spec, seen, site, state, word, code)
    return next(why for rule in _RULES if (why := rule(end)))


def has_run(spec: JobSpec, seen: Seen) -> bool:
    """Return whether the command was started, unless the launcher reports that in words that pfcon does not know."""
    return not (seen.exit and seen.exit.word in _SCRIPT) and not _start_failure(seen.launcher_log, spec)


def exit_code_of(seen: Seen) -> int | None:
    """Return the exit code of a command that has run, from the script's record; None if it is not known."""
    return None if seen.exit is None or seen.exit.word else own_exit_code(seen.exit.status)


def _by_script(end: _End) -> Why | None:
    known = _SCRIPT.get(end.word)
    return Why(known.format(program=end.site.program, launcher=end.site.launcher)) if known else None


def _out_of_memory(end: _End) -> Why | None:
    if end.state != "OUT_OF_MEMORY":
        return None
    limit = end.spec.resources.memory
    exceeded = f"its limit of {limit} MiB" if limit else "the memory that Slurm gave it"
    return Why(f"out of memory: the job exceeded {exceeded}")


def _by_pfcon(end: _End) -> Why | None:
    return stopped(end.seen.cancelled) if end.seen.cancelled else None


def _timeout(end: _End) -> Why | None:
    return stopped(time_limit_message(end.spec.resources.time_limit)) if end.state == "TIMEOUT" else None


def _by_somebody(end: _End) -> Why | None:
    if end.state != "CANCELLED":
        return None
    by = f" by user {end.seen.row.by}" if end.seen.row and end.seen.row.by else ""
    return Why(f"cancelled in Slurm{by}, not by pfcon")


def _by_cluster(end: _End) -> Why | None:
    return _ENDS.get(end.state)


def _workers_ended(end: _End) -> Why | None:
    if end.word != _ABORTED:
        return None
    said = end.seen.slurm_log.strip().rpartition("\n")[2]
    message = "Slurm ended its workers, or could not start them" + (f": {said}" if said else "")
    return Why(message, interrupted=True)


def _unreadable(end: _End) -> Why | None:
    row = end.seen.row
    if row is None or not row.unread or end.seen.exit:
        return None
    return Why(f"Slurm reports the state {row.state}; the rest of its answer can't be read: {plain(row.unread)}")


def _not_started(end: _End) -> Why | None:
    started = _start_failure(end.seen.launcher_log, end.spec)
    return Why(started) if started else None


def _by_exit_code(end: _End) -> Why:
    return _by_code(end.code, end.spec, end.site)


# The first reason counts: the job's own script before Slurm, and Slurm before exit codes.
_RULES: tuple[Callable[[_End], Why | None], ...] = (
    _by_script,
    _out_of_memory,
    _by_pfcon,
    _timeout,
    _by_somebody,
    _by_cluster,
    _workers_ended,
    _unreadable,
    _not_started,
    _by_exit_code,
)


def _start_failure(text: str, spec: JobSpec) -> str | None:
    image, command = spec.image, spec.argv[0]
    if _NO_COMMAND.search(text):
        return f"no such command in image {image}: {command}"
    if _NOT_EXECUTABLE.search(text):
        return f"not executable in image {image}: {command}"
    return start_failure(text.replace('\\"', '"'), image, command)


def _by_code(code: int, spec: JobSpec, site: Site) -> Why:
    if code == -NO_LOG:
        return Why(
            f"Slurm could not write the job's log: {site.directory} must exist on the nodes (STOREBASE), and be "
            "writable for the user who submits jobs"
        )
    if code == OUTSIDE:
        return Why(
            "the job's script did not find its directory: it ran outside of its container (a node without oci.conf), "
            "or was started twice"
        )
    limit = mib_to_bytes(spec.resources.memory or 0)
    return Why(exit_message(128 - code if code < 0 else code, limit, oom_killed=False), was_killed(code))
