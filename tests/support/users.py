"""Acting as another user, for tests that run as root."""

import ctypes
import os
from collections.abc import Callable

import pytest

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to act as several users")
_PR_SET_DUMPABLE = 4


def as_user(uid: int, act: Callable[[], object]) -> None:
    """Do something with the rights of a user, in this process.

    Its real user id, too: a shell with another one than its effective id takes that one's rights, dash(1). It stays
    dumpable, as one is that began as that user: else its own /proc is root's.
    """
    os.setresuid(uid, uid, 0)
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1)
    try:
        act()
    finally:
        os.setresuid(0, 0, 0)
