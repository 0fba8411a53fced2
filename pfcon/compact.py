"""Many names in little memory."""

import errno
import os
import tempfile
from array import array
from collections.abc import Hashable
from typing import IO

_FEW = 10_900  # keys in a dict, which is faster and takes some 60 bytes for each: what 2**14 slots of one hold
_SMALLEST = 65_536  # slots, for more keys; a power of two
_MARKS = 7
_BLOCK = 512 << 10  # characters of names
_KEY = (1 << 64) - 1 - _MARKS


class Marks:
    """Marks (1, 2, 4 or sums of them) of any number of keys, in 12 to 24 bytes for each: its hash is kept, not the key.

    Two keys of a million pass for the same one in one of some hundred million cases. Python's hashes of texts differ
    from process to process: nobody can choose keys that do.
    """

    def __init__(self) -> None:
        self._few: dict[int, int] | None = {}
        self._slots = array("Q")
        self.count = 0

    def of(self, key: Hashable) -> int:
        """The marks of a key; 0 where it has none."""
        value = hash(key) & _KEY
        if self._few is not None:
            return self._few.get(value, 0)
        return self._slots[self._place(value)] & _MARKS

    def add(self, key: Hashable, marks: int) -> int:
        """Add marks to those of a key, which come back as they were. ``count`` is the number of keys with marks."""
        value = hash(key) & _KEY
        if (few := self._few) is not None:
            before = few.get(value, 0)
            few[value] = before | marks
            if not before:
                self.count += 1
                if self.count > _FEW:
                    self._become_many(few)
            return before
        slots, last = self._slots, len(self._slots) - 1
        at = (value >> 3) & last
        while there := slots[at]:
            if there & _KEY == value:
                slots[at] = there | marks
                return there & _MARKS
            at = (at + 1) & last
        slots[at] = value | marks
        self.count += 1
        if 3 * self.count > 2 * len(slots):
            self._grow()
        return 0

    def _place(self, value: int) -> int:
        """The slot of a key, or the free one that it would have."""
        slots, last = self._slots, len(self._slots) - 1
        at = (value >> 3) & last
        while (there := slots[at]) and there & _KEY != value:
            at = (at + 1) & last
        return at

    def _become_many(self, few: dict[int, int]) -> None:
        self._few, self._slots = None, array("Q", bytes(8 * _SMALLEST))
        for value, marks in few.items():
            self._slots[self._place(value)] = value | marks

    def _grow(self) -> None:
        old, self._slots = self._slots, array("Q", bytes(16 * len(self._slots)))
        for value in old:
            if value:
                self._slots[self._place(value & _KEY)] = value


class Names:
    """Names, the last one in is the first one out; of more than 512 KiB, the rest waits in an unnamed file.

    None of them may hold a ``/``; bytes that are not UTF-8 are surrogates, as ``os.fsdecode`` makes them.

    directory: where that file goes; None is where temporary files go.
    """

    def __init__(self, directory: str | None = None) -> None:
        self._directory = directory
        self._here: list[str] = []
        self._size = 0
        self._starts: list[int] = []  # of the blocks in the file
        self._end = 0
        self._file: IO[bytes] | None = None

    def push(self, name: str) -> None:
        """Add one. Raises OSError."""
        self._here.append(name)
        self._size += len(name) + 1
        if self._size > _BLOCK:
            self._put(self._here[: len(self._here) // 2])

    def pop(self) -> str:
        """Take one away. Raises IndexError without any, OSError."""
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
            self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - it stays until close
        self._starts.append(self._end)
        self._file.seek(self._end)
        self._end += self._file.write(os.fsencode("/".join(names)))
        del self._here[: len(names)]
        self._size = sum(len(name) + 1 for name in self._here)

    def _take(self) -> None:
        if self._file is None:
            raise OSError(errno.EBADF, "names that wait in a file were closed")
        start = self._starts.pop()
        self._file.seek(start)
        self._here = os.fsdecode(self._file.read(self._end - start)).split("/")
        self._size = sum(len(name) + 1 for name in self._here)
        self._end = start
