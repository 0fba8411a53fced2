"""Parses the parameters of ``GET records/``."""

import base64
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from pfcon.api.parsers import FieldReader
from pfcon.models import JobKind, JobStatus
from pfcon.records import Position, Query

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

LIMIT, MAX_LIMIT = 100, 1000  # records of one page: the default, and the most
REPEATABLE = {"status", "kind"}
SINGLE = {"owner", "image", "since", "until", "limit", "cursor"}
MAX_CURSOR = 400  # characters; one with the longest jid has fewer


def parse_query(fields: dict[str, list[str]]) -> Query:
    """Parse the parameters of ``GET records/``. Raises InvalidFields, also for an unknown parameter."""
    reader = FieldReader(fields)
    for name, values in fields.items():
        if name not in REPEATABLE | SINGLE:
            reader.faults[name] = "unknown parameter"
        elif name in SINGLE and len(values) > 1:
            reader.faults[name] = "must be given only once"
    query = Query(
        limit=optional(reader, "limit", _limit) or LIMIT,
        statuses=members(reader, "status", JobStatus),
        kinds=members(reader, "kind", JobKind),
        owner=optional(reader, "owner", str),
        image=optional(reader, "image", str),
        since=optional(reader, "since", _moment),
        until=optional(reader, "until", _moment),
        after=optional(reader, "cursor", decode_cursor),
    )
    reader.finish()
    return query


def optional(reader: FieldReader, name: str, parse: Callable[[str], T]) -> T | None:
    """Return a parsed parameter, None without it. An empty one is a fault: it must not mean all records."""
    return reader.checked(name, reader.text(name), parse, None) if reader.texts(name) else None


def members(reader: FieldReader, name: str, kind: type[E]) -> frozenset[E]:
    """Return the values of a parameter that may be repeated, or have several values separated by commas."""
    texts = [text for value in reader.texts(name) for text in value.split(",")]
    if wrong := [text for text in texts if text not in set(kind)]:
        reader.faults[name] = f"must be one or several of {', '.join(kind)}, got {wrong[0][:40]!r}"
        return frozenset()
    return frozenset(map(kind, texts))


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MAX_LIMIT):
        raise ValueError(f"must be an integer from 1 to {MAX_LIMIT}, got {text[:40]!r}")
    return int(text)


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
