"""Says once that something does not answer, and once that it answers again."""

import logging
import time

log = logging.getLogger(__name__)

FIRST, LONGEST = 2.0, 30.0  # seconds before the next attempt


class Outage:
    """The present outage of one thing, if any.

    what: for the log, for example "the docker engine". longest: seconds, see ``failed``.
    """

    def __init__(self, what: str, longest: float = LONGEST) -> None:
        self._what, self._longest = what, longest
        self._since = 0.0  # monotonic seconds
        self._pause = 0.0
        self._retry_at = 0.0

    @property
    def is_backing_off(self) -> bool:
        """Whether the next attempt has to wait."""
        return time.monotonic() < self._retry_at

    @property
    def lasts(self) -> bool:
        """Whether the last attempt has failed."""
        return self._pause > 0

    def failed(self, error: Exception) -> None:
        """Record that an attempt has failed. The pause before the next one doubles, up to ``longest``."""
        now = time.monotonic()
        if not self._pause:
            self._since = now
            log.warning(
                "%s does not answer; trying again every %.0f s or more often: %s", self._what, self._longest, error
            )
        self._pause = min(self._longest, self._pause * 2 or FIRST)
        self._retry_at = now + self._pause

    def succeeded(self) -> None:
        """Record that an attempt has succeeded."""
        if self._pause:
            log.warning("%s answers again, after %.0f s", self._what, time.monotonic() - self._since)
        self._pause, self._retry_at = 0.0, 0.0
