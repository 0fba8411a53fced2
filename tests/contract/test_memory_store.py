"""The stand-in for object stores keeps the contract that Swift and S3 keep."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fakes.memory_store import MemoryStore
from support.object_stores import ObjectHarness
from test_object_store import *  # noqa: F403 - the same tests, with the fixture below
from test_object_store_large import *  # noqa: F403


@dataclass
class MemoryHarness(ObjectHarness):
    """One container; its clients share it."""

    kind: str = "s3"
    url: str = "memory"
    containers: dict[str, MemoryStore] = field(default_factory=dict)

    def _make(self) -> MemoryStore:
        return self.containers.setdefault(self.container, MemoryStore(self.container))

    def but(self, **changes: Any) -> "MemoryHarness":
        return MemoryHarness(**{"container": self.container, "containers": self.containers, **changes})

    def left_parts(self) -> int:
        assert isinstance(self.store, MemoryStore)
        return len(self.store.parts)


@pytest.fixture
def objects() -> Iterator[ObjectHarness]:
    """The stand-in, empty."""
    harness = MemoryHarness()
    yield harness
    harness.close()
