"""The size of a tree."""

import os
from pathlib import Path

from pfcon.errors import PfconError
from pfcon.files.walk import FileWalk

_BLOCK = 512  # bytes: unit of st_blocks (stat(2))


def tree_size(root: Path) -> int | None:
    """Return the bytes that the files of a tree occupy on disk, without its directories; None if it can't be read."""
    total = 0
    try:
        with FileWalk(root, wanted=lambda _: True) as files:
            for file in files:
                total += os.stat(file.name, dir_fd=file.dir_fd, follow_symlinks=False).st_blocks * _BLOCK
    except (PfconError, OSError):
        return None
    return total
