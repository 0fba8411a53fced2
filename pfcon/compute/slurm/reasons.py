"""Why a Slurm job has failed: according to its script, Slurm, the runtime or the exit code, in that order. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pfcon.compute.details import own_exit_code
from pfcon.compute.exits import at_time_limit, by_exit_code
from pfcon.compute.runtimes import CODES, failure_in_log, start_failure
from pfcon.compute.slurm.parsing import Row
from pfcon.compute.words import plain
from pfcon.models import JobSpec
from pfcon.reasons import SUCCESS, Reason, Why, explain
from pfcon.units import mib_to_bytes

ABSENT = 97  # job.sh: the directory is another one than pfcon's; Slurm 24.11 created it for the file of --output
OUTSIDE = 98  # job.sh: the directory does not exist, or belongs to another job
NO_LOG = 53  # slurmstepd can't open the file of --output; reported as a signal


_ENDS = {
    "PREEMPTED": explain(Reason.PREEMPTED, interrupted=True),
    "BOOT_FAIL": explain(Reason.INTERRUPTED, cause="its machine did not start", interrupted=True),
    "DEADLINE": explain(Reason.TIME_LIMIT, engine="Slurm"),
    "REVOKED": explain(Reason.INTERRUPTED, cause="it was moved to another cluster of the federation", interrupted=True),
}
_CODES = CODES | {49}  # of Charliecloud: ch-run(1), "Exit status"
# An error of crun or runc in its log, as JSON or as text.
_ERROR = re.compile(r"\"msg\":\"((?:[^\"\\]|\\.)*)\"|\berror\b[:=\s]*(.+)", re.IGNORECASE)
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
# What srun says of tasks that have failed: the number of the first one, and the exit code.
_TASK = re.compile(r"^srun: error: \S+ tasks? (\d+)[\d,-]*: Exited with exit code (\d+)", re.MULTILINE)
_STOPPED = ("TIMEOUT", "CANCELLED", "PREEMPTED")
_STEP_CANCELLED = re.compile(r"\bSTEP \S+ ON \S+ CANCELLED AT")  # also by srun, if one worker fails
# Words of job.sh in the record of the end.
_WORKERS_ENDED = "Slurm ended its workers, or could not start them"
_ABORTED = "aborted"  # workers were ended, or did not start: none of them failed by itself
_SCRIPT = {
    "no-launcher": "its machine has no {program} ({variable}={launcher}), or it is not on the PATH",
    "no-temporary": "no temporary directory could be created on its machine (TMPDIR)",
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

    cancelled: why pfcon has stopped it; empty if it has not. slurm_log, launcher_log: the last
    messages of Slurm on the node, and of the launcher; empty if the launcher writes to the job's log. log: the end of
    that. node: of the job, for messages.
    """

    row: Row | None
    exit: Exit | None
    cancelled: Why = SUCCESS
    slurm_log: str = ""
    launcher_log: str = ""
    log: str = ""
    node: str = ""


@dataclass(frozen=True)
class Site:
    """Names for messages. directory: the path of the jobs' directories on the nodes. variable: names the launcher."""

    launcher: str
    program: str
    directory: str
    variable: str = "SLURM_LAUNCHER"


def evident_state(seen: Seen) -> str:
    """Return Slurm's state of the job from its slurm.log, for jobs that Slurm has forgotten; empty if not shown."""
    return next((state for state, pattern in _EVIDENCE.items() if pattern.search(seen.slurm_log)), "")


def ran_out_of_memory(slurm_log: str) -> bool:
    """Return whether Slurm reports that the kernel has killed a process of the job for its memory."""
    return bool(_EVIDENCE["OUT_OF_MEMORY"].search(slurm_log))


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
    if seen.exit and seen.exit.word in _SCRIPT:
        return False
    code = seen.exit.status if seen.exit else seen.row.code if seen.row else 0
    return code not in _CODES or not _start_failure(seen, spec)


def exit_code_of(seen: Seen) -> int | None:
    """Return the exit code of a command that has run, from the script's record; None if it is not known."""
    return None if seen.exit is None or seen.exit.word else own_exit_code(seen.exit.status)


def _by_script(end: _End) -> Why | None:
    return script_failure(end.seen, end.site)


def script_failure(seen: Seen, site: Site) -> Why | None:
    """Return why the job's script could not run its launcher; None if it could."""
    known = _SCRIPT.get(seen.exit.word if seen.exit else "")
    return explain(Reason.ENGINE_SETUP, cause=known.format(**vars(site))) if known else None


def _out_of_memory(end: _End) -> Why | None:
    if end.state != "OUT_OF_MEMORY":
        return None
    return explain(Reason.OUT_OF_MEMORY, limit=end.spec.resources.memory)


def _by_pfcon(end: _End) -> Why | None:
    return end.seen.cancelled or None


def _timeout(end: _End) -> Why | None:
    return at_time_limit(end.spec.resources.time_limit) if end.state == "TIMEOUT" else None


def _by_somebody(end: _End) -> Why | None:
    if end.state != "CANCELLED":
        return None
    user = end.seen.row.by if end.seen.row else ""
    return explain(Reason.STOPPED_OUTSIDE, engine="Slurm", user=user)


def _by_cluster(end: _End) -> Why | None:
    if end.state == "NODE_FAIL":
        return explain(Reason.NODE_LOST, node=end.seen.node, interrupted=True)
    return _ENDS.get(end.state)


def _workers_ended(end: _End) -> Why | None:
    if end.word != _ABORTED:
        return None
    said = end.seen.slurm_log.strip().rpartition("\n")[2]
    cause = f"{_WORKERS_ENDED}: {plain(said)}" if said else _WORKERS_ENDED
    return explain(Reason.INTERRUPTED, cause=cause, interrupted=True)


def _unreadable(end: _End) -> Why | None:
    row = end.seen.row
    if row is None or not row.unread or end.seen.exit:
        return None
    cause = f"Slurm reports the state {row.state}; the rest of its answer can't be read: {plain(row.unread)}"
    return explain(Reason.END_UNKNOWN, cause=cause)


def _not_started(end: _End) -> Why | None:
    why = _start_failure(end.seen, end.spec) if end.code in _CODES else None
    return _of_worker(why, end) if why else None


def _start_failure(seen: Seen, spec: JobSpec) -> Why | None:
    """Return why the command could not be run, as its launcher reports it, or as the only line of its log does."""
    said = seen.launcher_log or (seen.log if "\n" not in seen.log.strip() else "")  # of a program, or of its launcher
    known = start_failure(said, spec.image, spec.argv[0])
    return known or failure_in_log(seen.log, spec.image, spec.argv[0])


def _by_launcher(end: _End) -> Why | None:
    said = _last_line(end.seen.launcher_log)
    if end.code not in _CODES or not (found := _ERROR.search(said)):
        return None
    return _of_worker(explain(Reason.ENGINE_FAULT, cause=plain(found[1] or found[2]), detail=said), end)


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def _by_exit_code(end: _End) -> Why:
    if end.seen.exit is None and (cause := _no_directory(end.code, end.site.directory)):
        return explain(Reason.ENGINE_SETUP, cause=cause)
    limit = mib_to_bytes(end.spec.resources.memory or 0)
    return _of_worker(by_exit_code(end.code, limit, certain=end.code < 0, may_be_lost=False), end)


def _no_directory(code: int, directory: str) -> str:
    """Return why a job without a record of its end has not found its directory; empty if it has."""
    must = f"{directory} must exist on the machines (STOREBASE), and be writable for the user who submits jobs"
    return {
        -NO_LOG: f"Slurm could not write the job's log: {must}",
        ABSENT: f"its machine does not have the job's directory: {must}",
        OUTSIDE: "the job's directories are not mounted: its machine has no oci.conf, or Slurm started it twice",
    }.get(code, "")


def _of_worker(why: Why, end: _End) -> Why:
    """Return a reason as that of the worker that has ended with the job's exit code, if srun names it."""
    for first, code in _TASK.findall(end.seen.slurm_log):
        if int(code) == end.code:
            return why.of_worker(int(first) + 1, end.spec.resources.workers)
    return why


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
    _by_launcher,
    _by_exit_code,
)
