"""The fields of a line of the log: its own, those of the job that its thread works on, the id of the request."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context, ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from pfcon.service_log.request_id import current_request_id, set_request_id

_FIELDS = "pfcon_fields"  # the attribute of a LogRecord
NO_JOB: Mapping[str, Any] = MappingProxyType({})
"""For ``working_on``: what follows is about no job, or about several."""
_JOB: ContextVar[Mapping[str, Any]] = ContextVar("pfcon_job", default=NO_JOB)


def about(**fields: Any) -> dict[str, Any]:
    """Return the ``extra`` of a line of Python's logging that has these fields.

    Those that are None or empty texts are left out; datetimes are written in UTC.
    """
    return {_FIELDS: {name: _plain(value) for name, value in fields.items() if value is not None and value != ""}}


@contextmanager
def working_on(job: Mapping[str, Any]) -> Iterator[None]:
    """A context for the work on a job: its lines have the job's fields, also those of code that does not know the job.

    job: the result of ``about``, or NO_JOB. Further fields of the same job, as its ``request_id``, stay. Not around a
    ``yield`` of a generator, whose caller would work on the job, too.
    """
    fields, outer = job.get(_FIELDS, NO_JOB), _JOB.get()
    token = _JOB.set({**outer, **fields} if _job_of(fields) == _job_of(outer) else fields)
    try:
        yield
    finally:
        _JOB.reset(token)


def begin_request(request_id: str) -> None:
    """Set the id of the request that this thread serves from now on, of no job yet; ``""`` ends the last request."""
    set_request_id(request_id)
    _JOB.set(NO_JOB)


def set_job(job: Mapping[str, Any]) -> None:
    """Set the job that this thread works on until its next request. job: see ``working_on``."""
    _JOB.set(job.get(_FIELDS, NO_JOB))


def is_working_on_job() -> bool:
    """Return whether this thread works on one job."""
    return bool(_JOB.get())


def log_context() -> Context:
    """Return a context in which lines have the job and the request of this one, for work that another thread does.

    It has nothing else of this one: a copy would keep a request of the framework, with its body, in memory.
    """
    context = Context()
    context.run(set_request_id, current_request_id())
    context.run(_JOB.set, _JOB.get())
    return context


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return the fields of a line. A line that names another job has none of the job that its thread works on.

    The request's id is that of the job, if it is known; then that of the request that is served is ``by_request_id``.
    """
    found: dict[str, Any] = dict(getattr(record, _FIELDS, {}))
    job = _JOB.get()
    if _job_of(found) in (None, _job_of(job)):
        found |= {name: value for name, value in job.items() if name not in found}
    if (current := current_request_id()) and found.setdefault("request_id", current) != current:
        found.setdefault("by_request_id", current)
    return found


def _job_of(fields: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return what names the job of fields; None without a job."""
    named = tuple(map(fields.get, ("jid", "kind", "engine_name")))
    return named if any(named) else None


def utc(moment: datetime) -> str:
    """Return a moment as text, in UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc(value)
    return value if isinstance(value, str | int | float | bool | list | dict) else str(value)
