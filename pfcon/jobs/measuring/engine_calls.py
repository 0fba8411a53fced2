"""Measures the calls to an engine, and lets its lines of the log have the job of the call."""

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

from pfcon.compute.base import ComputeEngine
from pfcon.errors import Absent, PfconError, Unreachable
from pfcon.jobs.about import of_name, of_spec
from pfcon.metrics.instruments import ENGINE_CALLS
from pfcon.models import JobSpec
from pfcon.service_log import NO_JOB, working_on

CALLS = ("schedule", "prepare", "info", "logs", "cancel", "remove", "active_jobs", "jobs", "require_answer")


def measure(engine: ComputeEngine) -> ComputeEngine:
    """Let this engine's calls be measured; returns it. It stays the same object: others compare it by identity."""
    for name in CALLS:
        setattr(engine, name, _measured(engine.name, name, getattr(engine, name)))
    return engine


def _measured(engine: str, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def measured(*args: Any, **kwargs: Any) -> Any:
        begun, outcome = time.monotonic(), "error"
        try:
            with working_on(_job_of(*args)):
                result = call(*args, **kwargs)
            outcome = "ok"
        except PfconError as error:
            outcome = _outcome(error)
            raise
        finally:
            ENGINE_CALLS.labels(engine, name, outcome).observe(time.monotonic() - begun)
        return result

    return measured


def _job_of(first: object = None, *_: object) -> Mapping[str, Any]:
    """Return the fields of the job of a call, by its first argument; none if it is about several."""
    if isinstance(first, JobSpec):
        return of_spec(first)
    return of_name(first) if isinstance(first, str) else NO_JOB


def _outcome(error: PfconError) -> str:
    if isinstance(error, Absent):
        return "absent"
    return "unreachable" if isinstance(error, Unreachable) else "refused"
