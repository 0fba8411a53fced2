"""Decides which ends of a job have a cause outside of the job: see ``JobInfo.interrupted``. Pure."""

import signal
from typing import NamedTuple

from pfcon.compute.words import stop_reason

_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM})
_LOST = frozenset({255, -1})


class Why(NamedTuple):
    """Why a job, or a worker of it, failed. message: for users; ``""`` after success. reason: see JobInfo."""

    message: str
    interrupted: bool = False
    reason: str = ""


def stopped(message: str) -> Why:
    """Return why a job failed that pfcon has stopped with that message, or that has reached its time limit."""
    return Why(message, reason=stop_reason(message))


def was_killed(code: int, *, oom_killed: bool = False) -> bool:
    """Return whether a job was ended by a signal from another process. SIGSEGV and SIGABRT are the job's own faults.

    code: as shells report it (128 + the signal's number), or minus that number. oom_killed: whether the engine reports
    that the job ran out of memory. If an engine does not report that, any SIGKILL counts, also with a memory limit: it
    is harmless to repeat an operation that needs more memory than its limit, and that happens only a few times.
    """
    return not oom_killed and (-code if code < 0 else code - 128) in _FROM_OUTSIDE


def was_lost(code: int) -> bool:
    """Return whether the code may mean that the runtime knows that a container has ended, but not how.

    That happens if the machine was reset or the runtime was killed while the container ran. Docker 20.10 and CRI-O
    report 255 then, which can't be distinguished from a job's own 255; that is rare, so 255 counts. Podman reports -1.
    """
    return code in _LOST
