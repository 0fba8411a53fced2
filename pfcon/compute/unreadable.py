"""Parts of an engine's answers that can't be read: the format of answers changes from release to release.

Such a part makes its own job ``undefined``, with a message, and is logged: each text once in a while, because the
leader asks every few seconds. Other jobs are not affected.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from pfcon.compute.words import plain
from pfcon.service_log import is_working_on_job
from pfcon.token_bucket import Spacing

_log = logging.getLogger(__name__)

FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""The exceptions that are raised if a value does not have the expected structure."""

T = TypeVar("T")
_LINES = Spacing(600.0, most=1000)  # of log lines with the same text


def reading(what: str, read: Callable[[], T], otherwise: Callable[[str], T]) -> T:
    """Return the result of ``read``; if the answer can't be read, that of ``otherwise`` for a message for users.

    what: the answer, for messages: ``Docker's answer about job x``.
    """
    try:
        return read()
    except FAULTS as fault:
        return otherwise(unread(what, fault))


def labels_of(found: object, key: str = "Labels") -> dict[str, str]:
    """Return the labels of a part of an answer; empty if they can't be read: then it is not a job of pfcon's."""
    labels = found.get(key) if isinstance(found, dict) else None
    return labels if isinstance(labels, dict) else {}


def utc(text: object) -> datetime | None:
    """Parse a time of an engine (ISO 8601 with an offset); return it in UTC, to the microsecond. None if not a time."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
    except FAULTS as fault:
        unread(f"the engine's time {text!r}", fault)
        return None


def unread(what: str, fault: Exception) -> str:
    """Return the message for users; log it with the place where the fault was raised."""
    message = f"{what} can't be read: {plain(f'{type(fault).__name__}: {fault}')}"
    note(message, fault)
    return message


def note(message: str, fault: Exception | None = None) -> None:
    """Log a warning about an engine's answer, unless the same was logged some minutes ago.

    What was logged of a list, without the job that it is about, is logged again where the job is known.
    """
    if _LINES.take(f"{message} {is_working_on_job()}"):
        _log.warning("%s", message, exc_info=fault)
