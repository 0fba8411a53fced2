"""What the log of a failed job says about a limit that it has met: engines report only its exit code. Pure."""

import re
import signal

from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.reasons import Reason, explain

_ABORTED = 128 + signal.SIGABRT  # what C++ does with an exception that nobody catches
_LINES = 10  # from the end of a log, in which a hint counts
_HINTS = (
    (
        Reason.TOO_MANY_PROCESSES,
        re.compile(
            r"can't start new thread|Thread creation failed|Cannot fork|can't fork"
            r"|(?:fork|clone|pthread_create).{0,80}(?:Resource temporarily unavailable|EAGAIN)"
            r"|(?:BlockingIOError: \[Errno 11\]|std::system_error'?.{0,40}) Resource temporarily unavailable",
            re.IGNORECASE,
        ),
    ),
    (
        Reason.DISK_FULL,
        re.compile(  # not PyTorch's, which is about shared memory
            r"^(?!.*/torch_).*(?:No space left on device|Disk quota exceeded|\[Errno 28\])",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    (
        Reason.OUT_OF_MEMORY,
        re.compile(
            r"^MemoryError|^Killed\b|: Killed\b|Cannot allocate memory|std::bad_alloc|java\.lang\.OutOfMemoryError"
            r"|Unable to allocate \d|(?i:^(?!.*cuda).{0,200}error.{0,80}\bout of memory\b|^out of memory\b)(?! warn)"
            r"|^\S+: line \d+: +\d+ Killed\b",
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
    if info.status is not JobStatus.FAILED or code is None:
        return info
    if info.reason != Reason.EXIT_CODE and (info.reason, code) != (Reason.SIGNAL, _ABORTED):
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
    return info.because(why)
