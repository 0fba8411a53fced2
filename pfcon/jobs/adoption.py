"""Recording the end of a job that has no record: this service's records were lost, or restored from an older copy.

Without a record, each answer to a client would be the engine's present one, and an engine may turn back: see
``kept_ends``. So an end is recorded before a client is told of it.
"""

import logging
from datetime import UTC, datetime

from pfcon.errors import PfconError
from pfcon.jobs.about import of_name
from pfcon.jobs.context import JobContext
from pfcon.models import JobId, JobInfo, JobKind, JobSpec
from pfcon.records import Phase, unsigned
from pfcon.records.record import first_claim
from pfcon.records.rows import details_row

log = logging.getLogger(__name__)


def adopt_end(context: JobContext, jid: JobId, kind: JobKind, info: JobInfo, logs: str) -> None:
    """Record the end of a job without a record, as its engine reports it. No-op if it has a record now.

    info: of a job that this service has signed. An error of the records is only logged.
    """
    spec = JobSpec(info.name, jid, kind, info.image, info.argv, request=info.request)
    digest = unsigned(info.request).split(".")[0]
    try:
        context.journal.claim(
            jid,
            kind,
            digest,
            claim=first_claim(info.request),
            owner=None,
            phase=Phase.FINAL.value,
            status=info.status.value,
            message=info.message,
            reason=info.reason or None,
            logs=logs,
            finished_at=(info.finished_at or datetime.now(UTC)).timestamp(),
            created_at=0.0,  # unknown
            image=info.image,
            spec=spec.to_json(),
            **details_row(info.details),
        )
    except PfconError as error:
        log.warning(
            "job %s: it has no record, and its end can't be recorded: %s", info.name, error, extra=of_name(info.name)
        )
