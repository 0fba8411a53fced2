"""Parses the parameters of ``.../logs/``."""

from dataclasses import dataclass

from pfcon.api.event_query import HEADER, LAST_EVENT_HEADER, NUMBER_PATTERN
from pfcon.api.field_reader import FieldReader
from pfcon.api.fields import Form, Text
from pfcon.errors import InvalidFields

_YES, _NO = ("", "1", "true"), ("0", "false")
_LARGEST = 18  # digits

FOLLOW = Text(
    name="follow",
    about="as Server-Sent Events until the job has ended: with no value, 1 or true",
    required=False,
    pattern="^(|1|true|0|false)$",
    empty="kept",
)
LAST_OFFSET = Text(
    name="last_event_id",
    about=f"with follow: the offset in bytes to go on from; as the header {HEADER}, which wins",
    required=False,
    pattern=NUMBER_PATTERN,
)
RANGE = Text(
    name="Range",
    about="without follow: one range of bytes, as bytes=0-99, bytes=100- or bytes=-100; another one means the whole",
    required=False,
    empty="kept",
)
LOG_PARAMETERS = Form((FOLLOW, LAST_OFFSET))
LOG_HEADERS = Form((RANGE, LAST_EVENT_HEADER))


@dataclass(frozen=True)
class LogQuery:
    """Whether the log is followed, and from which offset."""

    follow: bool
    offset: int


def parse_log_query(fields: dict[str, list[str]], header: str | None) -> LogQuery:
    """Parse the parameters. Raises InvalidFields, also for an unknown one. header: ``Last-Event-ID``."""
    if header:
        fields = {**fields, LAST_OFFSET.name: [header]}
    reader = FieldReader(fields, LOG_PARAMETERS)
    reader.refuse_others()
    query = LogQuery(
        follow=bool(reader.has(FOLLOW) and reader.checked(FOLLOW, reader.texts(FOLLOW)[-1], _flag, fallback=False)),
        offset=reader.optional(LAST_OFFSET, _offset) or 0,
    )
    reader.finish()
    return query


def refuse_offset(end: int) -> InvalidFields:
    """Return the error for an offset beyond the log."""
    return InvalidFields({LAST_OFFSET.name: f"must be an offset in the log, which has {end} bytes now"})


def _flag(text: str) -> bool:
    if text not in _YES + _NO:
        raise ValueError(f"must be empty, 1 or true, or 0 or false, got {text[:40]!r}")
    return text in _YES


def _offset(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _LARGEST):
        raise ValueError(f"must be an offset in bytes, got {text[:40]!r}")
    return int(text)
