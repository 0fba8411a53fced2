"""A fake cluster, and the engine that uses it."""

from collections.abc import Iterator

import pytest
from fakes.kubernetes_server import FakeKubernetes
from support.compute import make_harness
from support.kubernetes import KubernetesHarness

from pfcon.paths import StoreBase


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[KubernetesHarness]:
    harness = make_harness("fake-kubernetes", storebase.root)
    assert isinstance(harness, KubernetesHarness)
    yield harness
    harness.close()


@pytest.fixture
def fake(compute: KubernetesHarness) -> FakeKubernetes:
    assert compute.fake
    return compute.fake
