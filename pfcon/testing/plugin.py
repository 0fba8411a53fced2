"""pfcon's pytest plugin: shows failed assertions of the contracts in detail, and provides the fixture ``storebase``.

pytest loads it in every session if pfcon is installed, so it imports nothing of pfcon before the fixture is used.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pfcon.paths import StoreBase

pytest.register_assert_rewrite("pfcon.testing.compute", "pfcon.testing.storage")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of the contracts' checks, for sessions with ``--strict-markers``."""
    config.addinivalue_line("markers", "slow: takes more than a few seconds")


@pytest.fixture
def storebase() -> "Iterator[StoreBase]":
    """An empty storeBase. Jobs of any user can access it, unlike pytest's tmp_path."""
    from pfcon.testing.storebase import temporary_storebase

    with temporary_storebase() as made:
        yield made
