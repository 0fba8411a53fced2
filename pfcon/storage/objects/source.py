"""A section of a file as the body of an HTTP request, and its MD5.

Reads use ``os.pread``: several threads may read sections of one open file at the same time.
"""

import hashlib
import os
from collections.abc import Callable

from pfcon.errors import Refused
from pfcon.storage.objects.store import Source

CHUNK = 1 << 20  # bytes in memory at a time


def source_md5(source: Source, check: Callable[[], None] = lambda: None) -> str:
    """Return the hex MD5 of a source, up to the end of the file if that comes first.

    ``check`` is called before each block; what it raises is passed on.
    """
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
    """A read of the file failed. Not an OSError: the HTTP libraries would report that as a network error."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class SourceReader:
    """A read-only, seekable file object of a source's bytes. Several may read one file in parallel."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._offset = 0

    def __len__(self) -> int:
        return self._source.size

    def tell(self) -> int:
        """Return the current offset in the source, in bytes."""
        return self._offset

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the offset as ``io.IOBase.seek`` does, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._offset, os.SEEK_END: self._source.size}[whence]
        self._offset = base + offset
        return self._offset

    def read(self, size: int | None = -1) -> bytes:
        """Return at most ``size`` bytes and at most 1 MiB; ``b""`` at the end.

        Raises SourceFault, and Refused if the file has become shorter.
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
    """Reads a source once, from start to end, and computes the MD5 of what was read."""

    def __init__(self, source: Source) -> None:
        self._reader = SourceReader(source)
        self._md5 = hashlib.md5(usedforsecurity=False)

    def read(self, size: int | None = -1) -> bytes:
        """See SourceReader."""
        found = self._reader.read(size)
        self._md5.update(found)
        return found

    def hexdigest(self) -> str:
        """Return the hex MD5 of the bytes read so far."""
        return self._md5.hexdigest()
