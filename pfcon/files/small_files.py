"""Reads and writes small files in a directory that a job may change.

Symbolic links are not followed, named pipes do not block, and files that are too large are not read.
"""

import errno
import os
import stat
from pathlib import Path

from pfcon.files.flags import DIRECTORY, READ
from pfcon.files.writing import replace_file


def read_small(directory: Path, name: str, most: int) -> bytes:
    """Return the content of a regular file of at most ``most`` bytes.

    Raises FileNotFoundError when it is missing, and OSError when it is anything else (a symbolic link, a pipe, a larger
    file) or ``directory`` is a symbolic link.
    """
    above = os.open(directory, DIRECTORY)
    try:
        return read_small_at(above, name, most)
    finally:
        os.close(above)


def read_small_at(directory: int, name: str, most: int) -> bytes:
    """Like ``read_small`` in an open directory."""
    file = os.open(name, READ, dir_fd=directory)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", name)
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
    """Create or replace a file atomically, readable by all. A directory of that name is renamed. Raises OSError.

    Surrogates, which UTF-8 can't encode, are written as backslash escapes.
    """
    replace_file(directory, name, text.encode("utf-8", "backslashreplace"), mode=0o644, displace=True)
