"""Which spellings of a path are the same directory, on the file system that holds storeBase."""

import contextlib
import os
import unicodedata
import uuid
from functools import cache

from pfcon.paths import StoreBase

_NAME = "\u00c9a"  # a capital letter with an accent, as one character
_SPELLINGS = (_NAME.lower(), _NAME.upper(), unicodedata.normalize("NFD", _NAME))


def path_key(storebase: StoreBase, path: str) -> str:
    """A text that is the same for all spellings of a path below storeBase.

    Most file systems tell ``X`` from ``x``. Some do not (CIFS, and ext4 where it is told to), or take an accented
    letter for the same in both of its forms. That is tried out once in a process, below ``.pfcon``; where it can't be
    tried, spellings count as the same. A file system of another kind that is mounted further down is not noticed.
    """
    try:
        distinct = _distinguishes(storebase)
    except OSError:
        distinct = False
    return path if distinct else folded(path)


def folded(path: str) -> str:
    """The same text for all that any file system takes for one name; some that differ share it too."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).upper().casefold())


@cache
def _distinguishes(storebase: StoreBase) -> bool:
    """Whether different spellings are different names. Raises OSError."""
    directory, prefix = storebase.private_dir("probe"), uuid.uuid4().hex
    fd = os.open(directory / f"{prefix}{_NAME}", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        return not any((directory / f"{prefix}{spelling}").exists() for spelling in _SPELLINGS)
    finally:
        os.close(fd)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(directory / f"{prefix}{_NAME}")
