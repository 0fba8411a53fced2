"""Lines of the log: a short text and fields, as text (``name=value``) or as a JSON object."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from pfcon.service_log.fields import about, fields_of, utc

_BARE = re.compile(r"[^\s\"=\\]+")
_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}", re.ASCII)  # two JSON objects and a signature (RFC 7519)
LONGEST = 4000  # characters of a value in a text line


def write(log: logging.Logger, level: int, text: str, /, **fields: Any) -> None:
    """Write a line. text: without values, so that lines of a kind can be searched. fields: see ``about``."""
    if log.isEnabledFor(level):
        log.log(level, "%s", text, extra=about(**fields))


class TextFormatter(logging.Formatter):
    """``2026-11-30T16:52:01.123Z INFO pfcon.jobs: job started jid=chris-jid-1``.

    Only a traceback has several lines, which are indented: the text of an exception may look like a line.
    """

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        pairs = "".join(f" {name}={_shown(value)}" for name, value in fields_of(record).items())
        line = f"{_moment(record)} {record.levelname} {record.name}: {_one_line(record.getMessage())}{pairs}"
        trace = _traceback(self, record).split("\n") if record.exc_info or record.stack_info else []
        return _without_tokens("\n".join([line, *(f"    {_one_line(text)}" for text in trace)]))


class JsonFormatter(logging.Formatter):
    """One JSON object for each line: time, level, logger, message, the fields, and maybe traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        line = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
            **{name if name not in _TAKEN else f"job_{name}": value for name, value in fields_of(record).items()},
        }
        if trace := _traceback(self, record):
            line["traceback"] = trace
        return _without_tokens(json.dumps(line, default=str))


_TAKEN = {"time", "level", "logger", "message", "pid", "traceback"}


def _moment(record: logging.LogRecord) -> str:
    return utc(datetime.fromtimestamp(record.created, UTC))


def _shown(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value, default=str, separators=(",", ":"))
    text = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    if _BARE.fullmatch(text) and text.isprintable():
        return text
    return _one_line(json.dumps(text, ensure_ascii=False))


def _one_line(text: str) -> str:
    """Return a text of printable characters: a client must not write lines of its own, nor change how others look.

    So a character that changes the direction of what follows is escaped, too.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _without_tokens(line: str) -> str:
    """Return the line without tokens of clients: it may be where none belongs, as in a path or an agent."""
    return _TOKEN.sub("[token]", line)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)
