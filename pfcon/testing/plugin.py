"""The pytest plugin of pfcon: assertions of the contracts are shown in detail, and a storeBase is a fixture.

pytest loads it in every session where pfcon is installed: it imports nothing of pfcon until the fixture is used.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pfcon.paths import StoreBase

pytest.register_assert_rewrite("pfcon.testing.compute", "pfcon.testing.storage")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that checks of the contracts have, for sessions with ``--strict-markers``."""
    config.addinivalue_line("markers", "slow: takes more than a few seconds")


@pytest.fixture
def storebase() -> "Iterator[StoreBase]":
    """An empty storeBase that jobs of any user can reach, which pytest's own tmp_path is not."""
    from pfcon.testing.storebase import temporary_storebase

    with temporary_storebase() as made:
        yield made
