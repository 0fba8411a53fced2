"""Which ends of a job are not its own doing: see ``JobInfo.interrupted``. Pure."""

import signal
from typing import NamedTuple

_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM})
_LOST = frozenset({255, -1})


class Why(NamedTuple):
    """Why a job, or a worker of it, failed. message: for users; empty for one that succeeded."""

    message: str
    interrupted: bool = False


def was_killed(code: int, *, oom_killed: bool = False) -> bool:
    """Whether a job was ended by a signal that others send, which SIGSEGV and SIGABRT are not.

    code: as shells write it (128 + the signal's number), or minus that number. oom_killed: whether the engine says
    that it was killed for want of memory. Where an engine does not say, SIGKILL counts also below a limit of memory:
    to run an operation again that needs more than it may have is harmless, and that is done a few times only.
    """
    return not oom_killed and (-code if code < 0 else code - 128) in _FROM_OUTSIDE


def was_lost(code: int) -> bool:
    """Whether a container runtime may have found that a container had ended, and not how.

    That is the end of what ran while its machine was reset, or its runtime killed: Docker 20.10 and CRI-O write 255
    then, with nothing beside it that tells it from a job's own 255, which is rare, so that this counts; Podman -1.
    """
    return code in _LOST
