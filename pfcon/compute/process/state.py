"""Parses the state of a job of the process engine. Pure."""

import signal
from datetime import UTC, datetime
from typing import TypedDict

from pfcon.compute.details import node_names
from pfcon.compute.interruption import was_killed
from pfcon.compute.unreadable import reading
from pfcon.models import JobStatus, RunDetails


class State(TypedDict, total=False):
    """``state.json``. status: exit code, negative for a signal. finished_at: Unix time; only a final state has it.

    interrupted: the job's supervisor was ended, but not by pfcon. started_at: Unix time; only if the command was
    started. node: the host's name. max_memory: bytes, of the largest process. cpu_seconds: of all processes.
    """

    marker: str
    status: int
    reason: str
    note: str
    interrupted: bool
    finished_at: float
    started_at: float
    node: str
    max_memory: int
    cpu_seconds: float


def outcome(state: State) -> tuple[JobStatus, str]:
    """Return the status and message of a final state."""
    status = state.get("status")
    reason = state.get("reason") or _exit_message(status)
    message = "; ".join(text for text in (reason, state.get("note", "")) if text)
    succeeded = status == 0 and "reason" not in state
    return (JobStatus.SUCCEEDED if succeeded else JobStatus.FAILED), message


def details_of(state: State) -> RunDetails:
    """Return the details of a job's run; empty for a job of an earlier release, and for values that can't be read."""
    return reading("the state of a job of the process engine", lambda: _details_of(state), lambda _: RunDetails())


def _details_of(state: State) -> RunDetails:
    started, status = state.get("started_at"), state.get("status")
    memory, seconds = state.get("max_memory"), state.get("cpu_seconds")
    return RunDetails(
        started_at=None if started is None else datetime.fromtimestamp(started, UTC),
        exit_code=status if status is None or status >= 0 else 128 - status,
        node=node_names([state.get("node")]),
        max_memory=None if memory is None else int(memory),
        cpu_seconds=None if seconds is None else float(seconds),
    )


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
