"""Normalises paths that name the same directory on the file system of storeBase."""

import contextlib
import os
import unicodedata
import uuid
from functools import cache

from pfcon.paths import StoreBase

_NAME = "\u00c9a"  # a capital letter with an accent, as one character
_SPELLINGS = (_NAME.lower(), _NAME.upper(), unicodedata.normalize("NFD", _NAME))


def path_key(storebase: StoreBase, path: str) -> str:
    """Return a text that is equal for all spellings of a path below storeBase.

    Most file systems distinguish ``X`` and ``x``. Some do not (CIFS, and ext4 with that option), or treat both Unicode
    forms of an accented letter as equal. Each process tests that once, below ``.pfcon``; if it can't, spellings count
    as equal. File systems that are mounted in subdirectories are not tested.
    """
    try:
        distinct = _distinguishes(storebase)
    except OSError:
        distinct = False
    return path if distinct else folded(path)


def folded(path: str) -> str:
    """Return a text that is equal for all names that any file system treats as one; some other names share it, too."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).upper().casefold())


@cache
def _distinguishes(storebase: StoreBase) -> bool:
    """Whether different spellings are different names on storeBase's file system. Raises OSError."""
    directory, prefix = storebase.private_dir("probe"), uuid.uuid4().hex
    fd = os.open(directory / f"{prefix}{_NAME}", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        return not any((directory / f"{prefix}{spelling}").exists() for spelling in _SPELLINGS)
    finally:
        os.close(fd)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(directory / f"{prefix}{_NAME}")
