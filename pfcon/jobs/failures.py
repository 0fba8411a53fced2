"""Failures of a few jobs do not end work on many; failures in a row do: then an engine or storeBase is away."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pfcon.errors import DamagedJob, PfconError

IN_A_ROW = 10  # failures that end the work

log = logging.getLogger(__name__)


class FailureLimit:
    """Logs failures, and raises the last one of IN_A_ROW."""

    def __init__(self) -> None:
        self._in_a_row = 0

    @contextmanager
    def allowing(self, what: str) -> Iterator[None]:
        """A context for the work on one job; PfconError and OSError are logged with ``what``, not raised."""
        try:
            yield
        except (PfconError, OSError) as error:
            log.warning("%s: %s", what, error)
            self._in_a_row = 0 if isinstance(error, DamagedJob) else self._in_a_row + 1  # its engine has answered
            if self._in_a_row >= IN_A_ROW:
                raise
        else:
            self._in_a_row = 0
