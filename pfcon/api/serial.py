"""Serialises jobs as JSON for clients."""

import math
from datetime import datetime

from pfcon.api.answers import ComputeObject, JobCount, OutputFilesObject, RecordObject
from pfcon.jobs.output_files import OutputFiles
from pfcon.models import JobInfo, JobKind, JobStatus
from pfcon.records import Entry
from pfcon.records.overview import Count
from pfcon.units import MIB


def compute(info: JobInfo, jid: str, logs: str = "") -> ComputeObject:
    """Return the ``compute`` object. The values that clients of released versions read are strings.

    The others are ``""`` or None while they are not known: times in ISO 8601, an exit code, a size in MiB.
    """
    details = info.details
    return {
        "jid": jid,
        "image": info.image,
        "cmd": info.cmd,
        "status": info.status,
        "message": info.message,
        "timestamp": timestamp(info.finished_at),
        "logs": logs,
        "created": timestamp(info.created_at),
        "placed": timestamp(details.placed_at),
        "started": timestamp(details.started_at),
        "finished": timestamp(info.finished_at),
        "reason": info.reason,
        "exit_code": details.exit_code,
        "node": details.node or "",
        "image_digest": details.image_digest or "",
        "max_memory_mib": _mib(details.max_memory),
    }


def record(entry: Entry) -> RecordObject:
    """Return an object of ``records/``. As in ``compute``, unknown texts and times are ``""``, unknown numbers None."""
    details = entry.details
    return {
        "jid": entry.jid,
        "kind": entry.kind,
        "status": entry.status,
        "message": entry.message,
        "reason": entry.reason,
        "image": entry.image or "",
        "owner": entry.owner or "",
        "created": timestamp(entry.created_at),
        "staged": timestamp(entry.staged_at),
        "placed": timestamp(details.placed_at),
        "started": timestamp(details.started_at),
        "finished": timestamp(entry.finished_at),
        "exit_code": details.exit_code,
        "node": details.node or "",
        "image_digest": details.image_digest or "",
        "max_memory_mib": _mib(details.max_memory),
        "cpu_seconds": details.cpu_seconds,
        "files_in": entry.files_in,
        "bytes_in": entry.bytes_in,
        "files_out": entry.files_out,
        "bytes_out": entry.bytes_out,
    }


def output_files(found: OutputFiles) -> OutputFilesObject:
    """Return the object of ``outputs/``."""
    return {
        "files": [{"path": file.path, "bytes": file.size} for file in found.files],
        "more": found.more,
        "path": found.path,
        "zip": found.as_zip,
    }


def job_count(count: Count) -> JobCount:
    """Return an object of ``counts/``."""
    return {
        "kind": JobKind(count.kind),
        "status": JobStatus(count.status),
        "reason": count.reason,
        "number": count.number,
    }


def _mib(nbytes: int | None) -> int | None:
    return None if nbytes is None else math.ceil(nbytes / MIB)


def timestamp(moment: datetime | None) -> str:
    """Return the moment in ISO 8601; ``""`` for None."""
    return moment.isoformat() if moment else ""
