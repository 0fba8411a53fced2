"""A record for what is left of a job without one: it is written before the removal, as every record.

So a ``POST`` of that job waits for the end of the removal, and another process completes it if this one dies.
"""

from sqlalchemy.exc import IntegrityError

from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records.ages import ADOPTED
from pfcon.records.faults import translating_errors
from pfcon.records.journal import Journal
from pfcon.records.record import Phase, Record
from pfcon.records.rows import IN_PHASE, INSERT, fresh_row, record_of


def adopt(journal: Journal, jid: JobId, kind: JobKind, claim: str, *, with_data: bool) -> Record | None:
    """Write a record in phase REMOVING. Returns None, and changes nothing, if the job has one, unless it was removed.

    claim: of the new record; already in ``live``. with_data: whether the job's directory is to be deleted, too. The
    calling process must have renewed its lease. Raises Unreachable, StorageFull.
    """
    row = {
        **fresh_row(jid, kind, ADOPTED, journal.owner),
        "claim": claim,
        "phase": Phase.REMOVING.value,
        "status": JobStatus.UNDEFINED.value,
        "message": "left without a record; being removed",
        "with_data": with_data,
    }
    found = journal.get(jid, kind)
    if found is None:
        try:
            with translating_errors(), journal.database.engine.begin() as connection:
                connection.execute(INSERT, row)
        except IntegrityError:  # it was posted just now
            return None
    elif found.phase is not Phase.REMOVED or not journal.update(IN_PHASE[Phase.REMOVED], found, _columns(row)):
        return None
    return record_of(row, owned=True)


def _columns(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in ("jid", "kind")}
