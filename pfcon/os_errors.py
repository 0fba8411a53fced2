"""What an operating system's error means to a client: one table for all code that touches storeBase."""

import errno

from pfcon.errors import Absent, Conflict, PfconError, Refused, StorageFull, Unreachable
from pfcon.files.faults import is_full
from pfcon.paths import UNAVAILABLE, StoreBase
from pfcon.units import human_bytes

# A name or path that a request brought and that no file system takes: errno(3).
_UNUSABLE = frozenset(
    {
        *(errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ELOOP, errno.ENOTDIR, errno.EISDIR),
        *(errno.EMLINK, errno.ENXIO),
    }
)


def from_os_error(error: OSError, storebase: StoreBase) -> PfconError:
    """The error that a client gets to see: refused, no room, changed meanwhile, or unreachable.

    The text holds no path of this host.
    """
    if not storebase.is_available():
        return Unreachable(UNAVAILABLE)
    reason = error.strerror or type(error).__name__
    if error.errno in _UNUSABLE:
        return Refused(f"storeBase can't hold a name or path of this request: {reason}")
    if is_full(error) or error.errno == errno.EFBIG:
        free = storebase.free_bytes()
        return StorageFull(f"storeBase has no room: {reason}; {human_bytes(free)} are free ({free} bytes)")
    if error.errno in (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY):
        return Conflict(f"another request has changed the job's files meanwhile: {reason}")
    return Unreachable(f"storeBase can't be used now: {reason}")


def seen_with_storebase(error: PfconError, storebase: StoreBase) -> PfconError:
    """The error itself; but what seems to be absent, or to have changed, while storeBase is away is unreachable."""
    if isinstance(error, Absent | Conflict) and not storebase.is_available():
        return Unreachable(UNAVAILABLE)
    return error
