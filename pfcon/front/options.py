"""Limits of the HTTP front, and the settings that it needs."""

from dataclasses import dataclass

from pfcon.settings.service import AuthSettings
from pfcon.units import MIB

HEAD_BYTES = 64 * 1024  # the longest request line with all header fields
SMALL_MULTIPART = MIB  # bytes; a thread reads larger multipart bodies
MIN_RATE = 16 * 1024  # bytes per second: slowest accepted transfer of a body or response, after the first seconds
LINGER = 5.0  # seconds after an early response while what the client still sends is read and discarded
LINGER_BYTES = 64 * MIB  # the maximum that is discarded
STOP_LINGER = 2.0  # seconds: longest wait of a stopping worker for unfinished requests
READ_SIZE = 64 * 1024  # bytes of one read in the event loop
HELD_BYTES = 32 * MIB  # smallest limit of bytes buffered in one process for requests and responses


@dataclass(frozen=True)
class FrontOptions:
    """timeout: seconds for a head, then again for a body. login_path: the end of the path that needs no token.

    form_bytes, login_bytes: the largest body of a form and of a login.
    """

    auth: AuthSettings
    timeout: float
    form_bytes: int
    login_path: str
    login_bytes: int

    @property
    def held_bytes(self) -> int:
        """The limit of bytes buffered for unfinished requests and responses in one process."""
        return max(HELD_BYTES, 2 * self.form_bytes)

    @property
    def small_multipart(self) -> int:
        """The largest multipart body that the event loop reads, in bytes."""
        return min(SMALL_MULTIPART, self.form_bytes)

    def seconds_for(self, nbytes: int) -> float:
        """Return the seconds that a transfer of ``nbytes`` may take."""
        return self.timeout + nbytes / MIN_RATE
