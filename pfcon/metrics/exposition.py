"""The text that Prometheus reads: the counts of all processes of this service, and the figures."""

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from pfcon.metrics.directory import VARIABLE

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition(figures: Collector) -> bytes:
    """Return the text."""
    registry = CollectorRegistry()
    registry.register(figures)
    if os.environ.get(VARIABLE):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
        return generate_latest(registry)
    return generate_latest(registry) + generate_latest(REGISTRY)


def forget_process(pid: int) -> None:
    """Forget what a process that has ended had under way; its counts stay."""
    if os.environ.get(VARIABLE):
        mark_process_dead(pid)  # type: ignore[no-untyped-call]  # as above
