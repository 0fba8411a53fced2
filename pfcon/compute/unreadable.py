"""The state of a job when a part of an engine's answer can't be read: answers change from release to release.

Such a part is one job's alone: it makes that job ``undefined``, with a message, and is logged. Others
are not affected.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from pfcon.compute.words import plain

_log = logging.getLogger(__name__)

FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading a value of another shape than expected raises."""

T = TypeVar("T")


def reading(what: str, read: Callable[[], T], otherwise: Callable[[str], T]) -> T:
    """What ``read`` returns; where the answer can't be read, what ``otherwise`` makes of a message for users.

    what: whose answer about what, as ``Docker's answer about job x``.
    """
    try:
        return read()
    except FAULTS as fault:
        return otherwise(unread(what, fault))


def labels_of(found: object, key: str = "Labels") -> dict[str, str]:
    """The labels of a part of an answer; none where they can't be read: whatever has them is nobody's job."""
    labels = found.get(key) if isinstance(found, dict) else None
    return labels if isinstance(labels, dict) else {}


def utc(text: object) -> datetime | None:
    """A time of an engine (ISO 8601 with an offset) in UTC, to the microsecond; None for none, and for what is none."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
    except FAULTS as fault:
        unread(f"the engine's time {text!r}", fault)
        return None


def unread(what: str, fault: Exception) -> str:
    """The message for users; logs it with where it was raised."""
    message = f"{what} can't be read: {plain(f'{type(fault).__name__}: {fault}')}"
    _log.warning("%s", message, exc_info=fault)
    return message
