"""Parses the state of a job of the process engine. Pure."""

import signal
from typing import TypedDict

from pfcon.compute.interruption import was_killed
from pfcon.models import JobStatus


class State(TypedDict, total=False):
    """``state.json``. status: exit code, negative for a signal. finished_at: Unix time; only a final state has it.

    interrupted: the job's supervisor was ended, but not by pfcon.
    """

    marker: str
    status: int
    reason: str
    note: str
    interrupted: bool
    finished_at: float


def outcome(state: State) -> tuple[JobStatus, str]:
    """Return the status and message of a final state."""
    status = state.get("status")
    reason = state.get("reason") or _exit_message(status)
    message = "; ".join(text for text in (reason, state.get("note", "")) if text)
    succeeded = status == 0 and "reason" not in state
    return (JobStatus.SUCCEEDED if succeeded else JobStatus.FAILED), message


def was_interrupted(state: State) -> bool:
    """Return whether a job with that final state neither ended by itself nor was ended by pfcon."""
    return state.get("interrupted", False) or ("reason" not in state and was_killed(state.get("status", 0)))


def _exit_message(status: int | None) -> str:
    if status is None:
        return "its end is unknown"
    if status < 0:
        return f"killed by {_signal_name(-status)}"
    if 128 < status <= 128 + max(signal.valid_signals()):
        return f"exit code {status}: in a shell, this means killed by {_signal_name(status - 128)}"
    return f"exit code {status}" if status else ""


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
