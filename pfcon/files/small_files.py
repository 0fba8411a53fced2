"""Small files of a directory where a job may have put anything in their places: read and written without following.

A link there leads nowhere, a named pipe keeps nobody waiting, and what is too large is not read.
"""

import errno
import os
import stat
import uuid
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_small(directory: Path, name: str, most: int) -> bytes:
    """The content of a regular file of at most ``most`` bytes.

    Raises FileNotFoundError, and OSError for everything else that is or is in the way: a link, also in the directory's
    own place, a pipe, a larger file.
    """
    above = os.open(directory, _DIRECTORY)
    try:
        return read_small_at(above, name, most)
    finally:
        os.close(above)


def read_small_at(directory: int, name: str, most: int) -> bytes:
    """The same in an open directory."""
    file = os.open(name, _READ, dir_fd=directory)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "is no regular file", name)
        content = b""
        while len(content) <= most:
            block = os.read(file, most + 1 - len(content))
            if not block:
                return content
            content += block
        raise OSError(errno.EFBIG, f"has more than {most} bytes", name)
    finally:
        os.close(file)


def write_small(directory: Path, name: str, text: str) -> None:
    """Make or replace a file, at once. A directory in its place is moved aside. Raises OSError.

    Characters that are no UTF-8 are written with backslashes.
    """
    above = os.open(directory, _DIRECTORY)
    temporary = f".{name}.{uuid.uuid4().hex}"
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=above)
        try:
            with open(file, "w", encoding="utf-8", errors="backslashreplace") as writer:
                writer.write(text)
            _put(above, temporary, name)
        except BaseException:  # also a worker that is told to exit leaves no temporary file
            os.unlink(temporary, dir_fd=above)
            raise
    finally:
        os.close(above)


def _put(above: int, temporary: str, name: str) -> None:
    try:
        os.rename(temporary, name, src_dir_fd=above, dst_dir_fd=above)
    except IsADirectoryError:
        os.rename(name, f"{temporary}.old", src_dir_fd=above, dst_dir_fd=above)
        os.rename(temporary, name, src_dir_fd=above, dst_dir_fd=above)
