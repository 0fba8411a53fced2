"""A part of a file as the HTTP libraries want it, read piecemeal at its own offset; and its MD5."""

import hashlib
import os
from collections.abc import Callable

from pfcon.errors import Refused
from pfcon.storage.objects.store import Source

CHUNK = 1 << 20  # bytes in memory at a time


def source_md5(source: Source, check: Callable[[], None] = lambda: None) -> str:
    """Hex MD5 of a source, or of what there is of it; ``check`` is called now and then and may raise."""
    md5 = hashlib.md5(usedforsecurity=False)
    start, end = source.start, source.start + source.size
    while start < end:
        check()
        block = os.pread(source.file.fileno(), min(CHUNK, end - start), start)
        if not block:
            break
        md5.update(block)
        start += len(block)
    return md5.hexdigest()


class SourceFault(Exception):
    """A read of the file failed. Not an OSError, which the libraries would take for one of the network."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class SourceReader:
    """What is read, told and sought in is the part alone. Several may read one file at once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._offset = 0

    def __len__(self) -> int:
        return self._source.size

    def tell(self) -> int:
        """Bytes read so far."""
        return self._offset

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._offset, os.SEEK_END: self._source.size}[whence]
        self._offset = base + offset
        return self._offset

    def read(self, size: int | None = -1) -> bytes:
        """At most ``size`` bytes and at most 1 MiB, ``b""`` at the end.

        Raises SourceFault, and Refused for a file that has become shorter.
        """
        left = self._source.size - self._offset
        wanted = min(left, CHUNK if size is None or size < 0 else min(size, CHUNK))
        if wanted <= 0:
            return b""
        try:
            found = os.pread(self._source.file.fileno(), wanted, self._source.start + self._offset)
        except OSError as error:
            raise SourceFault(error) from None
        if not found:
            raise Refused("the file became shorter while it was sent")
        self._offset += len(found)
        return found


class HashingReader:
    """A source that is read once, from its start to its end, and the MD5 of what was read."""

    def __init__(self, source: Source) -> None:
        self._reader = SourceReader(source)
        self._md5 = hashlib.md5(usedforsecurity=False)

    def read(self, size: int | None = -1) -> bytes:
        """As SourceReader's."""
        found = self._reader.read(size)
        self._md5.update(found)
        return found

    def hexdigest(self) -> str:
        """In hex."""
        return self._md5.hexdigest()
