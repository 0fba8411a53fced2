"""Writes all records as text: ``pfcon records export``. See ``lines.py`` for the form."""

import logging
from collections.abc import Callable, Iterator

from sqlalchemy import Connection, Engine, RowMapping, func, select

from pfcon.errors import Refused
from pfcon.records.events import UNDELIVERED
from pfcon.records.lines import header_line, record_line
from pfcon.records.reading import snapshot, stream
from pfcon.records.schema import event_counter, jobs, places
from pfcon.records.versions import CURRENT, version_of

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the number of finished records, and the number of all."""

_JOBS = select(jobs).order_by(jobs.c.jid, jobs.c.kind)
_PLACES = (
    select(places)
    .join(jobs, (jobs.c.jid == places.c.jid) & (jobs.c.kind == places.c.kind))
    .order_by(jobs.c.jid, jobs.c.kind, places.c.id)
)


def export_records(database: Engine, write: Callable[[str], object], progress: Progress) -> int:
    """Write the records as they are at one moment, line by line; return their number. A service may run.

    Memory does not grow with the number of records. Events are left out; a warning in the log tells if the webhook has
    to deliver some of them. Raises Unreachable; Refused when a newer release has added columns,
    which this one would leave out.
    """
    with snapshot(database) as connection:
        if (version := version_of(connection)) > CURRENT:
            raise Refused(
                f"the database of pfcon's records has version {version}, of a newer pfcon; this one knows version "
                f"{CURRENT}, and would leave out what was added: export with the newer release"
            )
        total: int = connection.execute(select(func.count()).select_from(jobs)).scalar_one()
        write(header_line(total, connection.execute(select(event_counter.c.last)).scalar_one()) + "\n")
        for number, (job, of_job) in enumerate(_jobs_with_places(connection), 1):
            write(record_line(job, of_job) + "\n")
            progress(number, total)
        if undelivered := connection.execute(select(func.count()).select_from(UNDELIVERED.subquery())).scalar_one():
            log.warning(
                "%s ends of jobs are not delivered to PFCON_WEBHOOK_URL yet, and events are not exported: before you "
                "move the records, let the service run until they are",
                undelivered,
            )
    return total


def _jobs_with_places(connection: Connection) -> Iterator[tuple[RowMapping, list[RowMapping]]]:
    """Yield each job with its places. Both are read in the same order, and each place has its job."""
    rest = stream(connection, _PLACES)
    following = next(rest, None)
    for row in stream(connection, _JOBS):
        job, of_job = row._mapping, []
        while following is not None and (following._mapping["jid"], following._mapping["kind"]) == (
            job["jid"],
            job["kind"],
        ):
            of_job.append(following._mapping)
            following = next(rest, None)
        yield job, of_job
