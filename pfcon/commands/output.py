"""What ``pfcon records`` prints."""

import json
import sys
import time
from dataclasses import asdict
from datetime import datetime

from pfcon.printing import printable
from pfcon.records.overview import Summary

INTERVAL = 2.0  # seconds between two lines of progress
_WIDTHS = (24, 6, 20, 20, 20, 12, 0)  # of the columns; longer values are not cut off


def text_line(record: Summary) -> str:
    """Return a record as one line. Control characters are escaped: clients choose some of the values."""
    times = (_moment(record.created), _moment(record.finished))
    values = (record.jid, record.kind, record.status, *times, record.owner, record.image)
    shown = (printable(value or "-") for value in values)
    return "  ".join(value.ljust(width) for value, width in zip(shown, _WIDTHS, strict=True))


def json_line(record: Summary) -> str:
    """Return a record as a JSON object on one line."""
    times = {"created": _moment(record.created), "finished": _moment(record.finished)}
    return json.dumps(asdict(record) | times)


def _moment(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


class ProgressLine:
    """Reports the progress of long work on standard error, at most once in INTERVAL seconds. verb: as "exported"."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._last = time.monotonic()

    def __call__(self, number: int, total: int) -> None:
        """Report that ``number`` of ``total`` records are finished."""
        now = time.monotonic()
        if now - self._last >= INTERVAL:
            self._last = now
            print(f"{self._verb} {number} of {total} records", file=sys.stderr)
