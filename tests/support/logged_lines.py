"""Lines of the log with their fields, as a service writes them: while its threads work on jobs."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pfcon.service_log.lines import JsonFormatter


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@contextmanager
def logged_lines(name: str) -> Iterator[list[dict[str, Any]]]:
    """A context in which the lines of a logger and those below it are kept, as objects; all threads add to them."""
    logger, kept = logging.getLogger(name), _Kept()
    level = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.DEBUG)
    try:
        yield kept.lines
    finally:
        logger.removeHandler(kept)
        logger.setLevel(level)
