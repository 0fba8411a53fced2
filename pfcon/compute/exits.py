"""Why a job has failed, by its exit code and what the engine reports besides. Pure.

Codes are those that shells report (128 + N for signal N), or minus N.
"""

import signal

from pfcon.reasons import SUCCESS, Reason, Why, explain
from pfcon.units import MIB

_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM})
# Of the program's own faults: signal(7), "Core" and the standard's "program error" signals.
_CRASHES = frozenset(
    {
        *(signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL),
        *(signal.SIGSYS, signal.SIGTRAP),
    }
)
_LOST = frozenset({255, -1})


def by_exit_code(
    code: int, limit: int = 0, *, oom_killed: bool = False, certain: bool = False, may_be_lost: bool | None = None
) -> Why:
    """Return why a job has failed after its start; SUCCESS for the code 0.

    limit: the job's memory limit in bytes, 0 for none. oom_killed: whether the engine reports that it ran out of
    memory. certain: whether a code above 128 was a signal; otherwise it may be the program's own. may_be_lost: whether
    the engine may not know how the job ended; None: that is ``was_lost(code)``.
    """
    if code == 0:
        return SUCCESS
    if oom_killed:
        return explain(Reason.OUT_OF_MEMORY, limit=limit // MIB or None)
    if was_lost(code) if may_be_lost is None else may_be_lost:
        return explain(Reason.EXIT_CODE if code > 0 else Reason.END_UNKNOWN, interrupted=True, or_lost=code)
    return _by_signal(code, limit, certain=certain) or explain(Reason.EXIT_CODE, code=code)


def _by_signal(code: int, limit: int, *, certain: bool) -> Why:
    """Return why a job was killed; empty if the code is no signal's.

    Podman 4.3 on cgroups v1, a Swarm for other nodes' containers and some more do not report that a job ran out of
    memory, so a SIGKILL below a limit may be that.
    """
    number = -code if code < 0 else code - 128
    name = signal_name(number) or (str(number) if code < 0 else "")
    if not name:
        return SUCCESS
    if number in _CRASHES:
        return explain(Reason.SIGNAL, crash=name)
    outside = number in _FROM_OUTSIDE
    memory = limit // MIB or None if number == signal.SIGKILL else None
    if certain or code < 0:
        return explain(Reason.SIGNAL, interrupted=outside, signal=name, limit=memory)
    return explain(Reason.SIGNAL, interrupted=outside, code=code, or_signal=name, limit=memory)


def by_engine(text: str) -> Why:
    """Return why a job failed that the engine has ended for a reason that pfcon does not know. text: the engine's."""
    return explain(Reason.ENGINE_FAULT, ended=text or "it gives no reason", detail=text)


def at_time_limit(minutes: int | None) -> Why:
    """Return why a job failed that was stopped at its time limit; None: the limit is not known."""
    return explain(Reason.TIME_LIMIT, duration="" if minutes is None else duration_text(60 * minutes))


def duration_text(seconds: int) -> str:
    """Return a duration as users read it: in minutes if it is a whole number of these."""
    number, unit = (seconds, "second") if seconds % 60 else (seconds // 60, "minute")
    return f"{number} {unit}{'s' * (number != 1)}"


def out_of_memory_note(limit: int) -> str:
    """Return the message of a job that succeeded although a process of it was killed for lack of memory.

    limit: the job's memory limit in bytes, 0 for none.
    """
    allowed = f"the limit of {limit // MIB} MiB" if limit else "the memory that it gets"
    return f"the program reports success, but a process of it was killed, for it exceeded {allowed}: check the outputs"


def signal_name(number: int) -> str:
    """Return the name of a signal; ``""`` if there is none of that number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def was_killed(code: int, *, oom_killed: bool = False) -> bool:
    """Return whether a job was ended by a signal from another process. SIGSEGV and SIGABRT are the job's own faults.

    oom_killed: whether the engine reports that the job ran out of memory. If an engine does not report that, any
    SIGKILL counts, also with a memory limit: it is harmless to repeat an operation that needs more memory than its
    limit, and that happens only a few times.
    """
    return not oom_killed and (-code if code < 0 else code - 128) in _FROM_OUTSIDE


def was_lost(code: int) -> bool:
    """Return whether the code may mean that the runtime knows that a container has ended, but not how.

    That happens if the machine was reset or the runtime was killed while the container ran. Docker 20.10 and CRI-O
    report 255 then, which can't be distinguished from a job's own 255; that is rare, so 255 counts. Podman reports -1.
    """
    return code in _LOST
