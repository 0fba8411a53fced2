"""Reads an export into a database: ``pfcon records import``."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, Engine, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from pfcon.errors import Refused
from pfcon.models import JobStatus
from pfcon.records.lease import owner_is_alive
from pfcon.records.lines import Row, parse_header, parse_record
from pfcon.records.places import RELEASE_JOBLESS
from pfcon.records.reading import ROWS, exclusive
from pfcon.records.record import Phase
from pfcon.records.schema import event_counter, jobs, places, services

UNSTAGED = "restored from a backup in which it was still being staged; run it again"


@dataclass(frozen=True)
class Imported:
    """added: the number of new records. skipped: of those that the database had already, and has kept."""

    added: int
    skipped: int


def import_records(
    database: Engine, lines: Iterable[bytes], *, merge: bool, progress: Callable[[int, int], None]
) -> Imported:
    """Add the records of an export, all or none. Memory does not grow with their number.

    A job that was being staged or removed has ended then: see ``_without_deletion``.

    lines: of the file. merge: allow records in the database; they are kept, and win over those of the file.
    progress: see ``export.Progress``. Raises Refused for a file that is not a complete and valid export, and while
    a service uses the database; Unreachable, StorageFull.
    """
    rest = iter(lines)
    header = parse_header(next(rest, b""))
    added = number = 0
    with exclusive(database) as connection:
        _require_no_service(connection)
        connection.execute(RELEASE_JOBLESS)
        if not merge:
            _require_empty(connection)
        for batch in _batches(rest):
            added += _add(connection, batch, merge=merge)
            number += len(batch)
            progress(number, header.records)
        if number != header.records:
            raise Refused(
                f"the file is incomplete: it should have {header.records} records, and has {number}; nothing was "
                "imported: use another copy of it"
            )
        _skip_events(connection, header.last_event)
    return Imported(added, number - added)


def _skip_events(connection: Connection, last: int) -> None:
    """Make the next event's number a new one: clients drop events whose number they know.

    last: the number of the newest event at the time of the export. There may have been more since then, if it is a
    backup, but never a thousand a second: so no records have come to the milliseconds since the epoch.
    """
    own: int = connection.execute(select(event_counter.c.last)).scalar_one()
    last = max(own, last, int(time.time() * 1000))
    connection.execute(update(event_counter).values(last=last, deleted=last))


def _batches(lines: Iterator[bytes]) -> Iterator[list[tuple[Row, list[Row]]]]:
    numbered = enumerate(lines, 2)
    while batch := [parse_record(line, number) for number, line in islice(numbered, ROWS)]:
        yield [(_without_deletion(job), of_job) for job, of_job in batch]


def _without_deletion(job: Row) -> Row:
    """Return the row of a job that the next service can take over without a deletion of data.

    It would delete the inputs of a job that was being staged, and the data of one that was being removed. The job may
    have been posted again after the export, and the data may be its results.
    """
    if job["phase"] == Phase.STAGING:
        ended = {"status": JobStatus.UNDEFINED.value, "message": UNSTAGED, "finished_at": job["changed_at"]}
        return {**job, **ended, "phase": Phase.FINAL.value, "with_data": False}
    if job["phase"] == Phase.REMOVING:
        removed = {"message": "removed", "spec": "", "logs": "", "with_data": False}
        return {**job, **removed, "phase": Phase.REMOVED.value}
    return job


def _require_no_service(connection: Connection) -> None:
    if any(owner_is_alive(row) for row in connection.execute(select(services)).mappings()):
        raise Refused("a pfcon service uses this database: stop the service, then import again")


def _require_empty(connection: Connection) -> None:
    if found := connection.execute(select(func.count()).select_from(jobs)).scalar_one():
        raise Refused(
            f"the database is not empty, it has records already ({found}); nothing was imported: use an empty "
            "database, or add --merge to keep these and add only those that are missing"
        )


def _add(connection: Connection, batch: list[tuple[Row, list[Row]]], *, merge: bool) -> int:
    keys = [(job["jid"], job["kind"]) for job, _ in batch]
    if len(set(keys)) < len(keys):
        raise Refused("the file has a job twice; nothing was imported: use another copy of it")
    known = set[tuple[str, str]]()
    if merge:
        found = connection.execute(select(jobs.c.jid, jobs.c.kind).where(tuple_(jobs.c.jid, jobs.c.kind).in_(keys)))
        known = {(jid, kind) for jid, kind in found}
    new = [(job, of_job) for key, (job, of_job) in zip(keys, batch, strict=True) if key not in known]
    try:
        if new:
            connection.execute(insert(jobs), [job for job, _ in new])
        if rows := [row for _, of_job in new for row in of_job]:
            connection.execute(insert(places), rows)
    except IntegrityError:
        raise Refused("the file has a job twice; nothing was imported: use another copy of it") from None
    return len(new)
