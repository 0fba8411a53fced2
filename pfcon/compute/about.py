"""The fields of a line of the log that is about a job, from what an engine has of it."""

from typing import Any

from pfcon.errors import Refused
from pfcon.models import JobSpec, parse_engine_name
from pfcon.service_log import about


def of_spec(spec: JobSpec) -> dict[str, Any]:
    """Return the fields of a job by its specification."""
    return about(jid=spec.jid, kind=spec.kind.value, request_id=spec.request_id)


def of_name(name: str) -> dict[str, Any]:
    """Return the fields of a job by its name on its engine; that alone if an earlier release has chosen it."""
    try:
        jid, kind = parse_engine_name(name)
    except Refused:
        return about(engine_name=name)
    return about(jid=jid, kind=kind.value)
