"""The harness of the process engine. Modules about other engines have a ``compute`` of their own."""

from collections.abc import Iterator

import pytest
from support.compute import make_harness

from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[Harness]:
    """The process engine, whose jobs are removed at the end."""
    harness = make_harness("process", storebase.root)
    yield harness
    harness.close()
