"""Fixtures of all suites."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pfcon.paths import StoreBase


@pytest.fixture
def storebase() -> Iterator[StoreBase]:
    """An empty storeBase that jobs of any user can reach, which pytest's own tmp_path is not."""
    with tempfile.TemporaryDirectory(prefix="pfcon-test-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        yield StoreBase(root)
