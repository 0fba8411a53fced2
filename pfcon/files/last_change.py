"""When the content of a directory was changed for the last time, as far as its first level shows it."""

import os
import stat
import time
from itertools import islice

MOST = 1000  # entries that are looked at


def last_change(path: str) -> float | None:
    """Return the last change of a directory, or of what is directly in it, in seconds since the epoch, at most now.

    None if it is missing. Symbolic links are not followed. Raises OSError.
    """
    try:
        found = os.lstat(path)
        times = [found.st_mtime]
        if stat.S_ISDIR(found.st_mode):
            with os.scandir(path) as entries:
                times += [changed for entry in islice(entries, MOST) if (changed := _changed(entry)) is not None]
    except FileNotFoundError:
        return None
    return min(max(times), time.time())


def _changed(entry: "os.DirEntry[str]") -> float | None:
    """Return the last change of an entry; None if it was deleted since it was listed, which changes its directory."""
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return None
