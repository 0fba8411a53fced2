"""Collections of many names that need little memory."""

import errno
import os
import tempfile
from array import array
from collections.abc import Hashable
from typing import IO

_FEW = 10_900  # keys: up to here a dict is used, which is faster and takes about 60 bytes for each key (2**14 slots)
_SMALLEST = 65_536  # slots of the table for more keys than that; must be a power of two
_FLAGS = 7
_BLOCK = 512 << 10  # characters of names
_KEY = (1 << 64) - 1 - _FLAGS


class KeyFlags:
    """A map from keys to flags (1, 2, 4 or sums of them). It stores only the hashes: 12 to 24 bytes for each key.

    So two keys with the same hash are one key here. For a million keys, the probability that any two share a hash is
    about 1 in 5 million. Python's hashes of texts differ from process to process: no client can choose keys that
    collide.
    """

    def __init__(self) -> None:
        self._few: dict[int, int] | None = {}
        self._slots = array("Q")
        self.count = 0

    def of(self, key: Hashable) -> int:
        """Return the flags of a key, or 0 for an unknown key."""
        value = hash(key) & _KEY
        if self._few is not None:
            return self._few.get(value, 0)
        return self._slots[self._place(value)] & _FLAGS

    def add(self, key: Hashable, flags: int) -> int:
        """Add flags to those of a key; return its flags from before. ``count`` is the number of keys with flags."""
        value = hash(key) & _KEY
        if (few := self._few) is not None:
            before = few.get(value, 0)
            few[value] = before | flags
            if not before:
                self.count += 1
                if self.count > _FEW:
                    self._become_many(few)
            return before
        slots, last = self._slots, len(self._slots) - 1
        at = (value >> 3) & last
        while slot := slots[at]:
            if slot & _KEY == value:
                slots[at] = slot | flags
                return slot & _FLAGS
            at = (at + 1) & last
        slots[at] = value | flags
        self.count += 1
        if 3 * self.count > 2 * len(slots):
            self._grow()
        return 0

    def _place(self, value: int) -> int:
        """Return the index of the key's slot, or of the free slot where it would be inserted."""
        slots, last = self._slots, len(self._slots) - 1
        at = (value >> 3) & last
        while (slot := slots[at]) and slot & _KEY != value:
            at = (at + 1) & last
        return at

    def _become_many(self, few: dict[int, int]) -> None:
        self._few, self._slots = None, array("Q", bytes(8 * _SMALLEST))
        for value, flags in few.items():
            self._slots[self._place(value)] = value | flags

    def _grow(self) -> None:
        old, self._slots = self._slots, array("Q", bytes(16 * len(self._slots)))
        for value in old:
            if value:
                self._slots[self._place(value & _KEY)] = value


class NameStack:
    """A stack of names (last in, first out). What exceeds 512 KiB is kept in an unnamed temporary file.

    A name must not contain ``/``. Bytes that are not UTF-8 are surrogates, as from ``os.fsdecode``.

    directory: where that file is created; None: the default directory for temporary files.
    """

    def __init__(self, directory: str | None = None) -> None:
        self._directory = directory
        self._here: list[str] = []
        self._size = 0
        self._starts: list[int] = []  # of the blocks in the file
        self._end = 0
        self._file: IO[bytes] | None = None

    def push(self, name: str) -> None:
        """Add a name. Raises OSError."""
        self._here.append(name)
        self._size += len(name) + 1
        if self._size > _BLOCK:
            self._put(self._here[: len(self._here) // 2])

    def pop(self) -> str:
        """Remove and return the last name. Raises IndexError when the stack is empty, OSError."""
        if not self._here and self._starts:
            self._take()
        name = self._here.pop()
        self._size -= len(name) + 1
        return name

    def close(self) -> None:
        """Remove the file. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _put(self, names: list[str]) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - it is open until close
        self._starts.append(self._end)
        self._file.seek(self._end)
        self._end += self._file.write(os.fsencode("/".join(names)))
        del self._here[: len(names)]
        self._size = sum(len(name) + 1 for name in self._here)

    def _take(self) -> None:
        if self._file is None:
            raise OSError(errno.EBADF, "the file of names is closed")
        start = self._starts.pop()
        self._file.seek(start)
        self._here = os.fsdecode(self._file.read(self._end - start)).split("/")
        self._size = sum(len(name) + 1 for name in self._here)
        self._end = start
