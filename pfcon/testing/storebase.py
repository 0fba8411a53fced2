"""A storeBase for one test, or for several."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pfcon.paths import StoreBase


@contextmanager
def temporary_storebase() -> Iterator[StoreBase]:
    """An empty storeBase that jobs of any user can reach, which pytest's own tmp_path is not. Removed at the end."""
    with tempfile.TemporaryDirectory(prefix="pfcon-test-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        yield StoreBase(root)
