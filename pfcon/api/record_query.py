"""Parses the parameters of ``GET records/``."""

import base64
import json
import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from pfcon.api.field_reader import FieldReader
from pfcon.api.fields import Form, Number, Text
from pfcon.models import JobKind, JobStatus
from pfcon.records import Position, Query

E = TypeVar("E", bound=StrEnum)

MAX_TEXT = 200  # characters
PAGE, LONGEST_PAGE = 100, 1000  # records of one page: the default, and the most
MAX_CURSOR = 400  # characters; one with the longest jid has fewer

STATUS = Text(
    name="status",
    about="only jobs of this status; several are separated by commas, or the parameter is repeated",
    required=False,
    repeated=True,
    choices=JobStatus,
)
KIND = Text(
    name="kind",
    about="only jobs of this kind; several are separated by commas, or the parameter is repeated",
    required=False,
    repeated=True,
    choices=JobKind,
)
OWNER = Text(name="owner", about="only jobs of this user in ChRIS; only plugin jobs have one", required=False)
OF_IMAGE = Text(name="image", about="only jobs of exactly this image", required=False)
TEXT = Text(
    name="text",
    about="only jobs that have this text in their id, image, owner or message; capitals and small letters are the same",
    required=False,
    longest=MAX_TEXT,
)
SINCE = Text(
    name="since",
    about="only jobs created at that time or later, in ISO 8601; UTC, if it has no time zone",
    required=False,
    formats=("date-time", "date"),
)
UNTIL = Text(name="until", about="only jobs created before that time", required=False, formats=("date-time", "date"))
LIMIT = Number(
    name="limit",
    about="the number of records of a page",
    required=False,
    least=1,
    highest=LONGEST_PAGE,
    default=PAGE,
)
CURSOR = Text(
    name="cursor",
    about="the page after the one whose next this is",
    required=False,
    pattern="^[A-Za-z0-9_-]+$",
    longest=MAX_CURSOR,
)
RECORD_PARAMETERS = Form((STATUS, KIND, OWNER, OF_IMAGE, TEXT, SINCE, UNTIL, LIMIT, CURSOR))


def parse_query(fields: dict[str, list[str]]) -> Query:
    """Parse the parameters of ``GET records/``. Raises InvalidFields, also for an unknown parameter."""
    reader = FieldReader(fields, RECORD_PARAMETERS)
    reader.refuse_others()
    query = Query(
        limit=reader.number(LIMIT),
        statuses=members(reader, STATUS, JobStatus),
        kinds=members(reader, KIND, JobKind),
        owner=reader.optional(OWNER, str),
        image=reader.optional(OF_IMAGE, str),
        text=reader.optional(TEXT, _searched),
        since=reader.optional(SINCE, _moment),
        until=reader.optional(UNTIL, _moment),
        after=reader.optional(CURSOR, decode_cursor),
    )
    reader.finish()
    return query


def members(reader: FieldReader, field: Text, kind: type[E]) -> frozenset[E]:
    """Return the values of a parameter that may be repeated, or have several values separated by commas."""
    texts = [text for value in reader.texts(field) for text in value.split(",")]
    if wrong := [text for text in texts if text not in set(kind)]:
        reader.faults[field.name] = f"must be one or several of {', '.join(kind)}, got {wrong[0][:40]!r}"
        return frozenset()
    return frozenset(map(kind, texts))


def _searched(text: str) -> str:
    """Check a text that is searched for. Raises ValueError for one that is too long."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"must have at most {MAX_TEXT} characters")
    return text


def _moment(text: str) -> datetime:
    """Parse a time in ISO 8601. Without a time zone it is UTC. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"must be a time in ISO 8601, such as 2026-01-31T08:00:00Z (a + is %2B in a URL), got {text[:40]!r}"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def encode_cursor(position: Position) -> str:
    """Return a text for URLs that stands for a position in the list. ``decode_cursor`` is the inverse."""
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Position:
    """Return the position of a cursor. Raises ValueError for a text that is not the value of ``next``."""
    try:
        if len(text) > MAX_CURSOR:
            raise ValueError
        values = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True))
        match values:
            case [float(created), str(jid), str(kind)] if math.isfinite(created) and _is_plain(jid + kind):
                return Position(created, jid, kind)
    except (ValueError, RecursionError):
        pass
    raise ValueError("must be the value of next of an earlier page")


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
