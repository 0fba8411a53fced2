"""Writes all of a buffer, or a file atomically."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from pfcon.files.flags import CREATE, DIRECTORY


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of a buffer. Raises OSError."""
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])


def replace_file(
    directory: Path, name: str, content: bytes, *, mode: int = 0o600, prefix: str = "", displace: bool = False
) -> None:
    """Create or replace a small file atomically: see ``replacing_file``. Raises OSError."""
    with replacing_file(directory, name, mode=mode, prefix=prefix, displace=displace) as file:
        if content:
            write_all(file, content)


@contextlib.contextmanager
def replacing_file(
    directory: Path, name: str, *, mode: int = 0o600, prefix: str = "", displace: bool = False
) -> Iterator[int]:
    """A context with a file descriptor to write to, which creates or replaces a file atomically at its end.

    Readers see the complete old content or the complete new one. It is not synchronized to the disk (fsync(2)): a power
    failure may lose the content. The temporary file is removed after every error. ``directory`` itself must not be a
    symbolic link. Raises OSError.

    mode: of the file, minus the process's umask. prefix: of the temporary file's name, ``.<name>.`` by default.
    displace: whether a directory of that name is renamed; otherwise it is an error.
    """
    above = os.open(directory, DIRECTORY)
    temporary = f"{prefix or f'.{name}.'}{uuid.uuid4().hex}"
    try:
        file = os.open(temporary, CREATE, mode, dir_fd=above)
        try:
            try:
                yield file
            finally:
                os.close(file)
            _put(above, temporary, name, displace)
        except BaseException:  # also SystemExit: no temporary file may remain
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=above)
            raise
    finally:
        os.close(above)


def _put(above: int, temporary: str, name: str, displace: bool) -> None:
    try:
        os.rename(temporary, name, src_dir_fd=above, dst_dir_fd=above)
    except IsADirectoryError:
        if not displace:
            raise
        os.rename(name, f"{temporary}.old", src_dir_fd=above, dst_dir_fd=above)
        os.rename(temporary, name, src_dir_fd=above, dst_dir_fd=above)
