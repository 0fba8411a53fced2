"""Begins the removal of several kinds of jobs of a jid in one transaction: all of their records, or none.

A kind without a record gets a *placeholder* until the removal has ended. So nothing can begin to use the data of the
jid meanwhile, and if this process dies, another one completes the removal. Only the record of PLUGIN deletes the data:
while that record is in REMOVING, a ``POST`` of the jid waits or is refused, also if the others are complete before.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records.faults import translating_errors
from pfcon.records.journal import Journal
from pfcon.records.record import PLACEHOLDER, Phase, Record
from pfcon.records.rows import IN_PHASE, INSERT, fresh_row, record_of, row_key

MESSAGE = "being removed"
DELETES_DATA = JobKind.PLUGIN
_Removal = tuple[Record | None, dict[str, Any], Record]
"""A record as it was read, the columns to write, and the record after that."""


class _ChangedError(Exception):
    """A record is not as it was read: rolls the transaction back."""


@contextmanager
def removing(
    journal: Journal,
    jid: JobId,
    found: Mapping[JobKind, Record | None],
    *,
    with_data: bool,
    since: float | None = None,
) -> Iterator[tuple[Record, ...]]:
    """A context with the records in REMOVING, in the order in which to complete them; or (), and nothing is changed.

    (): one of them has changed since it was read, or is neither in FINAL nor in REMOVED. At the end of the context,
    removals that are not complete are left to recovery. found: the records as they were read, None where there is none.
    with_data: whether the data of the jid are deleted, too; then ``found`` must have all kinds. since: when what has no
    record ended, in seconds since the epoch. Raises Unreachable, StorageFull.
    """
    if not all(record is None or record.phase in (Phase.FINAL, Phase.REMOVED) for record in found.values()):
        yield ()
        return
    shared = {"phase": Phase.REMOVING.value, "owner": journal.owner_with_lease(), "message": MESSAGE}
    removals: list[_Removal] = []
    for kind in sorted(found, key=lambda kind: kind is not DELETES_DATA):
        values = {**shared, "with_data": with_data and kind is DELETES_DATA, "changed_at": time.time()}
        removals.append(_removal(jid, kind, found[kind], values, since))
    with journal.live.on(*(after.claim for _, _, after in removals)):
        yield tuple(after for _, _, after in removals) if _write(journal.database.engine, removals) else ()


def _removal(jid: JobId, kind: JobKind, before: Record | None, values: dict[str, Any], since: float | None) -> _Removal:
    if before is None:
        ended = {"status": JobStatus.UNDEFINED.value, "finished_at": since}
        row = {**fresh_row(jid, kind, PLACEHOLDER, values["owner"]), **ended, **values}
        return None, row, record_of(row, owned=True)
    after = replace(
        before,
        phase=Phase.REMOVING,
        owned=True,
        message=MESSAGE,
        with_data=values["with_data"],
        changed_at=values["changed_at"],
        cancel_request="",
        was_removed=before.phase is Phase.REMOVED,
    )
    return before, {**values, "cancel_request": None}, after


def _write(database: Engine, removals: list[_Removal]) -> bool:
    try:
        with translating_errors(), database.begin() as connection:
            for before, values, _ in removals:
                if before is None:
                    connection.execute(INSERT, values)  # raises IntegrityError if it was posted just now
                elif not connection.execute(IN_PHASE[before.phase], {**values, **row_key(before)}).rowcount:
                    raise _ChangedError
    except (IntegrityError, _ChangedError):
        return False
    return True
