"""The body of a ``POST jobs/``: the fields of a job, and its inputs as a zip that is made while it is sent."""

import os
import stat
import uuid
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pfcon.archive.zip_records import end_records
from pfcon.archive.zip_stream import zip_chunks
from pfcon.client.errors import ClientError
from pfcon.errors import Absent
from pfcon.files.descent import UnreadableTreeError
from pfcon.models import LINK_SUFFIX, JobId

_RATIO = 50  # bytes of inputs for one of the zip, beyond which PFCON_MAX_RATIO may be why the service refuses it

Fields = Sequence[tuple[str, str]]


class Form:
    """A form whose last field is the zip of a directory's files; an empty zip without a directory.

    Memory does not grow with the size of the inputs. Symbolic links are not followed, and not in the zip.

    read, sent: bytes of the inputs and of the body, of the last time that it was sent.
    """

    def __init__(self, fields: Fields, inputs: Path | None) -> None:
        self._fields, self._inputs = fields, inputs
        self._pack = True
        self.read = self.sent = 0
        self._boundary = uuid.uuid4().hex

    @property
    def content_type(self) -> str:
        """The Content-Type of the body."""
        return f"multipart/form-data; boundary={self._boundary}"

    def store_instead(self) -> bool:
        """Return whether the service may have taken the zip for a bomb. The next one is stored uncompressed then."""
        was_packed, self._pack = self._pack, self._pack and self.read < _RATIO * self.sent
        return was_packed and not self._pack

    def blocks(self, on_read: Callable[[int], None]) -> Iterator[bytes]:
        """Yield the body. on_read: called with the number of bytes of each read of an input. Raises ClientError."""
        self.read = self.sent = 0

        def count(nbytes: int) -> None:
            self.read += nbytes
            on_read(nbytes)

        for block in self._blocks(count):
            self.sent += len(block)
            yield block

    def _blocks(self, on_read: Callable[[int], None]) -> Iterator[bytes]:
        head = "".join(self._part(f'name="{name}"') + f"{value}\r\n" for name, value in self._fields)
        yield (head + self._part('name="data_file"; filename="inputs.zip"')).encode("utf-8", "surrogateescape")
        if self._inputs is None:
            yield end_records(0, 0, 0)
        else:
            try:
                yield from zip_chunks(self._inputs, on_read=on_read, pack=self._pack)
            except (Absent, OSError, UnreadableTreeError) as fault:
                raise ClientError(f"the inputs in {self._inputs} can't be read: {fault}") from fault
        yield f"\r\n--{self._boundary}--\r\n".encode()

    def _part(self, disposition: str) -> str:
        return f"--{self._boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"


def job_fields(jid: JobId, arguments: Namespace) -> list[tuple[str, str]]:
    """Return the fields of the job. The first word after ``--`` is the command, the others are its arguments."""
    command, *words = arguments.words
    optional = [("time_limit", str(arguments.time_limit))] if arguments.time_limit else []
    return [
        ("jid", jid),
        ("image", arguments.image),
        ("entrypoint", command),
        *(("args", word) for word in words),
        *(("env", pair) for pair in arguments.env),
        ("type", "ds" if arguments.inputs else "fs"),
        ("auid", arguments.owner),
        ("number_of_workers", str(arguments.workers)),
        ("cpu_limit", str(arguments.cpu_limit)),
        ("memory_limit", str(arguments.memory_limit)),
        ("gpu_limit", str(arguments.gpu_limit)),
        *optional,
    ]


@dataclass
class Tree:
    """What a directory has: files and their bytes; symbolic links and ChRIS links, which are not sent."""

    files: int = 0
    nbytes: int = 0
    links: int = 0
    first_link: str = ""


def tree_of(inputs: Path) -> Tree:
    """Count the files of a directory. What can't be read is not counted: sending it will fail."""
    found = Tree()
    for above, directories, names in os.walk(inputs):
        for name in (*directories, *names):
            path = os.path.join(above, name)
            try:
                facts = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISLNK(facts.st_mode) or (stat.S_ISREG(facts.st_mode) and name.endswith(LINK_SUFFIX)):
                found.links += 1
                found.first_link = found.first_link or path
            elif stat.S_ISREG(facts.st_mode):
                found.files += 1
                found.nbytes += facts.st_size
    return found
