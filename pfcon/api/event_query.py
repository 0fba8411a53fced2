"""Parses the parameters of ``GET events/``."""

from dataclasses import dataclass

from pfcon.api.field_reader import FieldReader
from pfcon.api.fields import Form, Text
from pfcon.api.record_query import members
from pfcon.models import JobId, JobKind
from pfcon.models.identity import JID_MAX_LENGTH, JID_PATTERN
from pfcon.records.events import Event

MAX_JIDS = 100
HEADER = "Last-Event-ID"
NUMBER_PATTERN = "^[0-9]{1,18}$"

JIDS = Text(
    name="jid",
    about="only events of this job; repeated for several",
    required=False,
    repeated=True,
    most=MAX_JIDS,
    pattern=JID_PATTERN,
    longest=JID_MAX_LENGTH,
)
KIND = Text(
    name="kind",
    about="only events of jobs of this kind; several are separated by commas, or the parameter is repeated",
    required=False,
    repeated=True,
    choices=JobKind,
)
LAST_EVENT_ID = Text(
    name="last_event_id",
    about=f"the id of the last event that the client has; as the header {HEADER}, which wins",
    required=False,
    pattern=NUMBER_PATTERN,
)
LAST_EVENT_HEADER = Text(
    name=HEADER, about=f"as {LAST_EVENT_ID.name}, and wins", required=False, pattern=NUMBER_PATTERN
)
EVENT_PARAMETERS = Form((JIDS, KIND, LAST_EVENT_ID))


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
        fields = {**fields, LAST_EVENT_ID.name: [header]}
    reader = FieldReader(fields, EVENT_PARAMETERS)
    reader.refuse_others()
    query = EventQuery(
        after=reader.optional(LAST_EVENT_ID, _number),
        jids=_jids(reader),
        kinds=members(reader, KIND, JobKind),
    )
    reader.finish()
    return query


def _jids(reader: FieldReader) -> frozenset[JobId]:
    texts = reader.texts(JIDS)
    if len(texts) > MAX_JIDS:
        reader.faults[JIDS.name] = f"must be given at most {MAX_JIDS} times"
        return frozenset()
    found = (reader.checked(JIDS, text, JobId.parse, None) for text in texts)
    return frozenset(jid for jid in found if jid is not None)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValueError(f"must be the id of an event, got {text[:40]!r}")
    return int(text)
