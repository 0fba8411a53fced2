"""The storage contract on every storage.

A storage joins with a StorageHarness (tests/support/storages.py).
"""

from collections.abc import Iterator

import pytest
from support.storages import HARNESSES

from pfcon.paths import StoreBase
from pfcon.testing.storage import StorageHarness
from pfcon.testing.storage.contract import *  # noqa: F403 - its checks


@pytest.fixture(params=HARNESSES)
def harness(request: pytest.FixtureRequest, storebase: StoreBase) -> Iterator[StorageHarness]:
    made = HARNESSES[request.param](storebase)
    made.make()
    yield made
    made.destroy()
