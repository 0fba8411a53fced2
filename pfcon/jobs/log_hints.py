"""What the log of a failed job says about a limit that it has met: engines report only its exit code. Pure."""

import re
from dataclasses import replace

from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.reasons import Reason, explain

_LINES = 30  # from the end of a log, in which a hint counts
_HINTS = (
    (
        Reason.TOO_MANY_PROCESSES,
        re.compile(
            r"can't start new thread|(?:fork|clone|pthread_create).{0,80}(?:Resource temporarily unavailable|EAGAIN)"
            r"|Cannot fork|can't fork|BlockingIOError: \[Errno 11\] Resource temporarily unavailable",
            re.IGNORECASE,
        ),
    ),
    (Reason.DISK_FULL, re.compile(r"No space left on device|Disk quota exceeded|\[Errno 28\]", re.IGNORECASE)),
    (
        Reason.OUT_OF_MEMORY,
        re.compile(
            r"^MemoryError|^Killed\b|: Killed\b|Cannot allocate memory|std::bad_alloc|java\.lang\.OutOfMemoryError"
            r"|Out of memory",
            re.MULTILINE,
        ),
    ),
    (
        Reason.WRONG_ARCHITECTURE,  # an init process gives to a shell what the kernel can't execute
        re.compile(
            r"^(?:\S+: )?(?P<command>/\S+): (?:line )?\d+: [^\n]{0,80}?\bELF\b"
            r"|^(?:.{0,80}: )?(?P<named>[^\s:]+): (?:Exec format error|cannot execute binary file)",
            re.MULTILINE,
        ),
    ),
)


def with_hint(info: JobInfo, spec: JobSpec, logs: str) -> JobInfo:
    """Return the state of a job; one that failed with an exit code has the reason that its log shows, if any."""
    code = info.details.exit_code
    if info.status is not JobStatus.FAILED or info.reason != Reason.EXIT_CODE or code is None:
        return info
    end = "\n".join(logs.rstrip().splitlines()[-_LINES:])
    reason, match = next(
        ((reason, match) for reason, pattern in _HINTS if (match := pattern.search(end))), (None, None)
    )
    if reason is None or match is None:
        return info
    if reason is Reason.WRONG_ARCHITECTURE:
        why = explain(reason, image=spec.image, command=next(filter(None, match.groups())))
    else:
        limits = {Reason.TOO_MANY_PROCESSES: spec.resources.pids, Reason.OUT_OF_MEMORY: spec.resources.memory}
        why = explain(reason, log_code=code, log_limit=limits.get(reason))
    return replace(info, message=why.message, reason=why.reason)
