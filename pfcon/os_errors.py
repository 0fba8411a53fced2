"""Translates OSErrors of storeBase to errors for clients."""

import errno

from pfcon.errors import Absent, Conflict, PfconError, Refused, StorageFull, Unreachable
from pfcon.files.faults import is_full
from pfcon.paths import UNAVAILABLE, StoreBase
from pfcon.units import human_bytes

# errno(3) of a name or path in a request that the file system does not accept.
_UNUSABLE = frozenset(
    {
        *(errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ELOOP, errno.ENOTDIR, errno.EISDIR),
        *(errno.EMLINK, errno.ENXIO),
    }
)


def from_os_error(error: OSError, storebase: StoreBase) -> PfconError:
    """Return the error for the client: Refused, StorageFull, Conflict (changed by another request) or Unreachable.

    Its text contains no path of this host.
    """
    if not storebase.is_available():
        return Unreachable(UNAVAILABLE)
    reason = error.strerror or type(error).__name__
    if error.errno in _UNUSABLE:
        return Refused(f"storeBase can't store a name or path of this request: {reason}")
    if is_full(error) or error.errno == errno.EFBIG:
        free = storebase.free_bytes()
        return StorageFull(f"storeBase is full: {reason}; {human_bytes(free)} are free ({free} bytes)")
    if error.errno in (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY):
        return Conflict(f"another request has changed the job's files: {reason}")
    return Unreachable(f"storeBase can't be used now: {reason}")


def or_unreachable(error: PfconError, storebase: StoreBase) -> PfconError:
    """Return the error; but Unreachable for Absent or Conflict while storeBase is unavailable, its probable cause."""
    if isinstance(error, Absent | Conflict) and not storebase.is_available():
        return Unreachable(UNAVAILABLE)
    return error
