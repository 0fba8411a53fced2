"""The fields of a line of the log that is about a job: ``log.info("job %s: ...", ..., extra=of_record(record))``."""

from typing import Any, Protocol

from pfcon.errors import Refused
from pfcon.models import JobId, JobKind, JobSpec, parse_engine_name
from pfcon.records import Record
from pfcon.service_log import about


class _Identified(Protocol):
    @property
    def jid(self) -> JobId: ...
    @property
    def kind(self) -> JobKind: ...


def of_record(record: Record, **further: str) -> dict[str, Any]:
    """Return the fields of a job by its record, and further ones."""
    try:
        spec = record.spec
    except (ValueError, LookupError, TypeError, AttributeError):  # it is damaged
        spec = None
    return about(jid=record.jid, kind=record.kind.value, request_id=spec.request_id if spec else "", **further)


def of_spec(spec: JobSpec) -> dict[str, Any]:
    """Return the fields of a job by its specification."""
    return about(jid=spec.jid, kind=spec.kind.value, request_id=spec.request_id)


def of_job(job: _Identified) -> dict[str, Any]:
    """Return the fields of a job of which no more is known."""
    return about(jid=job.jid, kind=job.kind.value)


def of_name(name: str) -> dict[str, Any]:
    """Return the fields of a job by its name on its engine; that alone if an earlier release has chosen it."""
    try:
        jid, kind = parse_engine_name(name)
    except Refused:
        return about(engine_name=name)
    return about(jid=jid, kind=kind.value)
