"""Parses the parameters of ``GET events/``."""

from dataclasses import dataclass

from pfcon.api.parsers import FieldReader
from pfcon.api.record_query import members, optional
from pfcon.models import JobId, JobKind
from pfcon.records.events import Event

LAST_EVENT_ID = "last_event_id"
NAMES = {"jid", "kind", LAST_EVENT_ID}
MAX_JIDS = 100


@dataclass(frozen=True)
class EventQuery:
    """Which events a stream has. An empty set: all. after: the number of the last known event; None: only new ones."""

    after: int | None
    jids: frozenset[JobId] = frozenset()
    kinds: frozenset[JobKind] = frozenset()

    def selects(self, event: Event) -> bool:
        """Whether the stream has this event."""
        return (not self.jids or event.jid in self.jids) and (not self.kinds or event.kind in self.kinds)


def parse_event_query(fields: dict[str, list[str]], header: str | None) -> EventQuery:
    """Parse the parameters of ``GET events/``. Raises InvalidFields, also for an unknown parameter.

    header: ``Last-Event-ID`` of a client that connects again; it wins over the parameter of the URL.
    """
    if header:
        fields = {**fields, LAST_EVENT_ID: [header]}
    reader = FieldReader(fields)
    for name in fields.keys() - NAMES:
        reader.faults[name] = "unknown parameter"
    if len(fields.get(LAST_EVENT_ID, ())) > 1:
        reader.faults[LAST_EVENT_ID] = "must be given only once"
    query = EventQuery(
        after=optional(reader, LAST_EVENT_ID, _number),
        jids=_jids(reader),
        kinds=members(reader, "kind", JobKind),
    )
    reader.finish()
    return query


def _jids(reader: FieldReader) -> frozenset[JobId]:
    texts = reader.texts("jid")
    if len(texts) > MAX_JIDS:
        reader.faults["jid"] = f"must be given at most {MAX_JIDS} times"
        return frozenset()
    found = (reader.checked("jid", text, JobId.parse, None) for text in texts)
    return frozenset(jid for jid in found if jid is not None)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValueError(f"must be the id of an event, got {text[:40]!r}")
    return int(text)
