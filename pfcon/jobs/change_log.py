"""Logs each change of a job, and what ran on whose data for an audit. Neither has values of a job's environment."""

import logging
from typing import Any

from pfcon.models import INCOMING, OUTGOING, JobSpec, JobStatus
from pfcon.records import Change, Phase
from pfcon.service_log import write
from pfcon.service_log.setup import AUDIT

log = logging.getLogger(__name__)
audit = logging.getLogger(AUDIT)

MESSAGE = 1000  # characters
FINAL = {status.value for status in JobStatus if status.final}
REMOVED = "Removed"
"""The reason in the audit line of a job that was removed before it had ended."""


def log_change(change: Change) -> None:
    """Write the line of a change, and when a job has ended, or was removed before that, also its audit line."""
    common: dict[str, Any] = {
        "jid": change.jid,
        "kind": change.kind.value,
        "status": change.status,
        "reason": change.reason,
        "exit_code": change.exit_code,
        "owner": change.owner,
        "image": change.image,
        "request_id": change.spec.request_id if change.spec else None,
    }
    times: dict[str, Any] = {
        "created": change.created_at,
        "staged": change.staged_at,
        "placed": change.placed_at,
        "started": change.started_at,
        "finished": change.finished_at,
    }
    sizes: dict[str, Any] = {"node": change.node, "bytes_in": change.bytes_in, "bytes_out": change.bytes_out}
    write(log, logging.INFO, "job", **common, **times, **sizes, detail=change.message[:MESSAGE])
    is_cut_off = change.status == Phase.REMOVED.value and change.finished_at is None and change.spec is not None
    if is_cut_off:
        common["reason"] = REMOVED
    if is_cut_off or change.status in FINAL:
        paths = _paths(change.spec) if change.spec else {}
        write(audit, logging.INFO, "audit", **common, image_digest=change.image_digest, **times, **sizes, **paths)


def _paths(spec: JobSpec) -> dict[str, Any]:
    """Return the paths of a job's data: those of the request in the storage, and those that were mounted."""
    return {
        "input_paths": list(spec.paths.inputs),
        "output_path": spec.paths.output,
        "mounted_inputs": [str(mount.source) for mount in spec.mounts if mount.target.is_relative_to(INCOMING)],
        "mounted_outputs": [str(mount.source) for mount in spec.mounts if mount.target.is_relative_to(OUTGOING)],
        "uid": spec.user.uid if spec.user else None,
    }
