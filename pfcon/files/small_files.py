"""Small files of a directory where a job may have put anything in their places: read and written without following.

A link there leads nowhere, a named pipe keeps nobody waiting, and what is too large is not read.
"""

import errno
import os
import stat
from pathlib import Path

from pfcon.files.flags import DIRECTORY, READ
from pfcon.files.writing import replace_file


def read_small(directory: Path, name: str, most: int) -> bytes:
    """The content of a regular file of at most ``most`` bytes.

    Raises FileNotFoundError, and OSError for everything else that is or is in the way: a link, also in the directory's
    own place, a pipe, a larger file.
    """
    above = os.open(directory, DIRECTORY)
    try:
        return read_small_at(above, name, most)
    finally:
        os.close(above)


def read_small_at(directory: int, name: str, most: int) -> bytes:
    """The same in an open directory."""
    file = os.open(name, READ, dir_fd=directory)
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
    """Make or replace a file atomically, readable by all. A directory in its place is moved aside. Raises OSError.

    Characters that are no UTF-8 are written with backslashes.
    """
    replace_file(directory, name, text.encode("utf-8", "backslashreplace"), mode=0o644, displace=True)
