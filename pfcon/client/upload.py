"""The body of a ``POST jobs/``: the fields of a job, and its inputs as a zip that is made while it is sent."""

import os
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pfcon.archive.zip_records import end_records
from pfcon.archive.zip_stream import zip_chunks
from pfcon.client.errors import ClientError
from pfcon.errors import Absent
from pfcon.files.descent import UnreadableTreeError

Fields = Sequence[tuple[str, str]]


class Form:
    """A form whose last field is the zip of a directory's files; an empty zip without a directory.

    Memory does not grow with the size of the inputs. Symbolic links are not followed, and not in the zip.
    """

    def __init__(self, fields: Fields, inputs: Path | None) -> None:
        self._fields, self._inputs = fields, inputs
        self._boundary = uuid.uuid4().hex

    @property
    def content_type(self) -> str:
        """The Content-Type of the body."""
        return f"multipart/form-data; boundary={self._boundary}"

    def blocks(self, on_read: Callable[[int], None]) -> Iterator[bytes]:
        """Yield the body. on_read: called with the number of bytes of each read of an input. Raises ClientError."""
        head = "".join(self._part(f'name="{name}"') + f"{value}\r\n" for name, value in self._fields)
        yield (head + self._part('name="data_file"; filename="inputs.zip"')).encode("utf-8", "surrogateescape")
        if self._inputs is None:
            yield end_records(0, 0, 0)
        else:
            try:
                yield from zip_chunks(self._inputs, on_read=on_read)
            except (Absent, OSError, UnreadableTreeError) as fault:
                raise ClientError(f"the inputs in {self._inputs} can't be read: {fault}") from fault
        yield f"\r\n--{self._boundary}--\r\n".encode()

    def _part(self, disposition: str) -> str:
        return f"--{self._boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"


def size_of(inputs: Path) -> tuple[int, int]:
    """Return the number of files of a directory and their bytes, for a progress bar: without links."""
    count = total = 0
    for above, _, names in os.walk(inputs):
        for name in names:
            try:
                facts = os.lstat(os.path.join(above, name))
            except OSError:
                continue
            if stat.S_ISREG(facts.st_mode):
                count, total = count + 1, total + facts.st_size
    return count, total
