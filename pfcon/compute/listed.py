"""Lists of the jobs of engines that keep each job in a directory of storeBase."""

from collections.abc import Callable
from pathlib import Path

from pfcon.paths import StoreBase


def listed(read: Callable[[Path], dict[str, str]], root: Path, storebase: StoreBase) -> dict[str, str]:
    """Return what ``read`` finds in a directory that the first job creates; empty before that.

    Raises FileNotFoundError if storeBase itself is missing, and what ``read`` raises.
    """
    try:
        return read(root)
    except FileNotFoundError:
        if not storebase.is_available():
            raise
        return {}
