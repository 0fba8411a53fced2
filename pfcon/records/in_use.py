"""Which records the service of a storeBase uses. Others may have no record of jobs and data that are in use.

Such are the records that were left behind by a move to another database, and those of a backup. The service notes the
id of its records and their newest event in storeBase: a backup has the same id, and an older event.

.pfcon/records-in-use      JSON, see ``_Note``
"""

import json
import logging
import time
from dataclasses import asdict, dataclass

from sqlalchemy import select

from pfcon.errors import Refused
from pfcon.files.writing import replace_file
from pfcon.paths import StoreBase
from pfcon.records.faults import translating_errors
from pfcon.records.lazy import LazyDatabase
from pfcon.records.schema import event_counter, records_id

NAME = "records-in-use"
_FOUND = select(select(records_id.c.value).scalar_subquery(), select(event_counter.c.last).scalar_subquery())
_DAMAGED = ""  # an id that no records have

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Note:
    """id: of the records. event: the number of their newest event. since: when their use began, see ``require``."""

    id: str
    event: int
    since: float = 0.0


class RecordsInUse:
    """Writes and checks the note. Thread-safe. Methods raise Unreachable if the records do not answer, and OSError."""

    def __init__(self, storebase: StoreBase, database: LazyDatabase) -> None:
        self._storebase = storebase
        self._database = database

    def update(self) -> None:
        """Note that the service uses these records. To be called by the service alone."""
        note, found = self._read(), self._found()  # in this order: other processes write newer events
        since = note.since if note else 0.0
        if note and not _continues(note, found):
            since = time.time()
            log.warning(
                "the records are not those that were last used with this storeBase, or come from a backup: what has no "
                "record and is older than now counts as older than all records"
            )
        new = _Note(found.id, found.event, since)
        if new != note:
            self._storebase.private.mkdir(mode=0o700, exist_ok=True)
            replace_file(self._storebase.private, NAME, json.dumps(asdict(new)).encode())

    def require(self) -> float:
        """Return since when these records have known all jobs of this storeBase, in seconds since the epoch.

        0.0 if no other records were in use before. Raises Refused if the service uses other records, or newer ones.
        """
        note, found = self._read(), self._found()
        if note is None:
            raise Refused("the service has not used these records yet: start it with them first")
        if not _continues(note, found):
            raise Refused(
                "these are not the records that the service used last: they are of another database, or of a backup. "
                "Set PFCON_DATABASE_URL as the service has it; if these are the right ones, start the service with them"
            )
        return note.since

    def _found(self) -> _Note:
        with translating_errors(), self._database.engine.connect() as connection:
            value, event = connection.execute(_FOUND).one()
        return _Note(value, event)

    def _read(self) -> _Note | None:
        try:
            found = json.loads((self._storebase.private / NAME).read_bytes())
            return _Note(str(found["id"]), int(found["event"]), float(found["since"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return _Note(_DAMAGED, 0)


def _continues(note: _Note, found: _Note) -> bool:
    return found.id == note.id and found.event >= note.event
