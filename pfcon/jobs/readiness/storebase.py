"""Whether storeBase can be used: it is the one of the start, it can be written, and it has room."""

import tempfile

from pfcon.errors import StorageFull, Unreachable
from pfcon.files.faults import file_system_id, free_bytes, is_full
from pfcon.paths import PRIVATE_NAME, StoreBase
from pfcon.units import human_bytes

_Identity = tuple[int, int]


class StorebaseProbe:
    """Makes no directory: where storeBase is mounted there may be another disk now, which must not get one.

    must_stay: bytes of free space.
    """

    def __init__(self, storebase: StoreBase, must_stay: int) -> None:
        self._storebase, self._must_stay = storebase, must_stay
        self._first: _Identity | None = None
        try:
            self._first = _identity(storebase)
        except OSError:  # it is not there yet: the first one that is seen counts
            return

    def __call__(self) -> str:
        """Return that it can be used. Raises Unreachable, or StorageFull if it only lacks space."""
        try:
            now = _identity(self._storebase)
            if self._first is None:
                self._first = now
            if now != self._first:
                raise Unreachable("another file system than at the start is mounted there, or none")
            with tempfile.TemporaryFile(dir=self._storebase.private) as file:
                file.write(b"pfcon")
                file.flush()
            free = free_bytes(self._storebase.root)
        except FileNotFoundError:
            raise Unreachable(f"has no {PRIVATE_NAME}; its file system may be unmounted") from None
        except OSError as fault:
            kind = StorageFull if is_full(fault) else Unreachable
            raise kind(f"can't be written: {fault.strerror}") from fault
        if free <= self._must_stay:
            raise StorageFull(f"{human_bytes(free)} free, and {human_bytes(self._must_stay)} must stay free")
        return f"writable, {human_bytes(free)} free"


def _identity(storebase: StoreBase) -> _Identity:
    return file_system_id(storebase.root), storebase.root.stat().st_ino
