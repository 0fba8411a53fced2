"""What the front has to know of the service."""

from dataclasses import dataclass

from pfcon.settings.service import AuthSettings
from pfcon.units import MIB

HEAD_BYTES = 64 * 1024  # of a request line and its header fields together
SMALL_MULTIPART = MIB  # bytes; a bigger one is an upload, which a thread reads
MIN_RATE = 16 * 1024  # bytes per second that a body or an answer moves at least, once its first seconds are over
LINGER = 5.0  # seconds in which what a client still sends after its answer is dropped
LINGER_BYTES = 64 * MIB
STOP_LINGER = 2.0  # seconds that a stopping worker leaves to requests that are on their way
READ_SIZE = 64 * 1024  # bytes of one read in the event loop
HELD_BYTES = 32 * MIB  # least bound of what one process keeps of unfinished requests and unfetched answers


@dataclass(frozen=True)
class FrontOptions:
    """``timeout``: seconds for a head, then again for a body. ``login_path``: takes a body without a token."""

    auth: AuthSettings
    timeout: float
    form_bytes: int
    login_path: str
    login_bytes: int

    @property
    def held_bytes(self) -> int:
        """What is kept of unfinished requests in one process."""
        return max(HELD_BYTES, 2 * self.form_bytes)

    @property
    def small_multipart(self) -> int:
        """The largest multipart body that is read before a thread is taken, in bytes."""
        return min(SMALL_MULTIPART, self.form_bytes)

    def seconds_for(self, nbytes: int) -> float:
        """How long it may take to move so many bytes."""
        return self.timeout + nbytes / MIN_RATE
