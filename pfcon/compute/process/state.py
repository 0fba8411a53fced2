"""Parses the state of a job of the process engine. Pure."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TypedDict

from pfcon.compute.details import node_names
from pfcon.compute.exits import by_exit_code
from pfcon.compute.unreadable import reading
from pfcon.models import JobStatus, RunDetails
from pfcon.reasons import SUCCESS, Reason, Why, explain


class State(TypedDict, total=False):
    """``state.json``. status: exit code, negative for a signal. reason: a ``Why.note()``, unless it ended by itself.

    waiting: for users, what the job waits for before it starts.
    finished_at: Unix time; only a final state has it. interrupted: the job's supervisor was ended, but not by pfcon.
    placed_at: Unix time, when the job got its GPUs. started_at: Unix time; only if the command was started. node: the
    host's name. max_memory: bytes, of the largest process. cpu_seconds: of all processes. worker: the number, from 0,
    of the one of several workers whose status it is. workers: how many there are.
    """

    marker: str
    waiting: str
    status: int
    worker: int
    workers: int
    reason: str
    note: str
    interrupted: bool
    finished_at: float
    placed_at: float
    started_at: float
    node: str
    max_memory: int
    cpu_seconds: float


def progress(state: State) -> tuple[JobStatus, Why]:
    """Return the status of a state that is not final, and what the job waits for."""
    waiting = state.get("waiting", "")
    return (JobStatus.NOT_STARTED if waiting else JobStatus.STARTED), replace(SUCCESS, message=waiting)


def outcome(state: State) -> tuple[JobStatus, Why]:
    """Return the status of a final state, and why; after success, the message is only a note."""
    why = _why(state)
    message = "; ".join(text for text in (why.message, state.get("note", "")) if text)
    return (JobStatus.FAILED if why else JobStatus.SUCCEEDED), replace(why, message=message)


def _why(state: State) -> Why:
    """Return why a job has failed; empty after success."""
    if note := state.get("reason"):
        return replace(Why.of_note(note), interrupted=state.get("interrupted", False))
    status = state.get("status")
    if status is None:
        return explain(Reason.END_UNKNOWN, interrupted=state.get("interrupted", False))
    why = by_exit_code(status, certain=status < 0, may_be_lost=False) if status else SUCCESS
    return why.of_worker(state.get("worker", 0) + 1, state.get("workers", 1))


def details_of(state: State) -> RunDetails:
    """Return the details of a job's run; empty for a job of an earlier release, and for values that can't be read."""
    return reading("the state of a job of the process engine", lambda: _details_of(state), lambda _: RunDetails())


def _details_of(state: State) -> RunDetails:
    placed, started, status = state.get("placed_at"), state.get("started_at"), state.get("status")
    memory, seconds = state.get("max_memory"), state.get("cpu_seconds")
    return RunDetails(
        placed_at=None if placed is None else datetime.fromtimestamp(placed, UTC),
        started_at=None if started is None else datetime.fromtimestamp(started, UTC),
        exit_code=status if status is None or status >= 0 else 128 - status,
        node=node_names([state.get("node")]),
        max_memory=None if memory is None else int(memory),
        cpu_seconds=None if seconds is None else float(seconds),
    )
