"""The fields of a line of the log that is about a job: ``log.info("job %s: ...", ..., extra=of_record(record))``.

Also those of all lines of the work on it: ``with working_on(of_record(record))``.
"""

from typing import Any, Protocol

from pfcon.compute.about import of_name, of_spec
from pfcon.models import JobId, JobKind
from pfcon.records import Record
from pfcon.service_log import about

__all__ = ["of_id", "of_job", "of_name", "of_record", "of_spec"]


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


def of_job(job: _Identified) -> dict[str, Any]:
    """Return the fields of a job of which no more is known."""
    return of_id(job.jid, job.kind)


def of_id(jid: JobId, kind: JobKind | None = None) -> dict[str, Any]:
    """Return the fields of a job by its id and kind; without a kind, those of all jobs of a jid."""
    return about(jid=jid, kind=kind.value if kind else None)
