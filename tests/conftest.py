"""Fixtures of all suites."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from pfcon.paths import StoreBase

settings.register_profile("tests", deadline=None)  # the 200 ms of an example are up soon on a machine that is busy
settings.load_profile("tests")

collect_ignore = ["toy_engine"]  # a package of its own, whose tests contract/test_toy_engine.py runs


@pytest.fixture
def storebase() -> Iterator[StoreBase]:
    """An empty storeBase that jobs of any user can reach, which pytest's own tmp_path is not."""
    with tempfile.TemporaryDirectory(prefix="pfcon-test-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        yield StoreBase(root)
