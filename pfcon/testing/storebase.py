"""Temporary storeBases for tests."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pfcon.paths import StoreBase


@contextmanager
def temporary_storebase() -> Iterator[StoreBase]:
    """An empty storeBase, removed at the end. Jobs of any user can access it, unlike pytest's tmp_path."""
    with tempfile.TemporaryDirectory(prefix="pfcon-test-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        yield StoreBase(root)
