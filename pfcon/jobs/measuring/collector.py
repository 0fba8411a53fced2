"""What is looked up for an answer to Prometheus, because it is a state and not a count of events."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pfcon.models import JobStatus
from pfcon.records.overview import Count


@dataclass(frozen=True)
class Figures:
    """How to look up the figures. Each returns after a few seconds at most; None or empty: unknown now.

    begin: begins all look-ups that take long. jobs: the number of records by kind, status and reason. free_bytes: of
    storeBase. keeper_lag: seconds since a process was last seen to watch the jobs. parts: whether each part of the
    service works.
    """

    begin: Callable[[], None]
    jobs: Callable[[], tuple[Count, ...]]
    free_bytes: Callable[[], int | None]
    keeper_lag: Callable[[], float | None]
    parts: Callable[[], Mapping[str, bool]]
    version: str


class FiguresCollector(Collector):
    """The figures as Prometheus' metrics."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client.registry.Collector."""
        figures = self._figures
        figures.begin()
        build = GaugeMetricFamily("pfcon_build", "The version of the service.", labels=["version"])
        build.add_metric([figures.version], 1)
        yield build
        jobs = GaugeMetricFamily("pfcon_jobs", "Jobs in the records.", labels=["kind", "status", "reason"])
        counts = figures.jobs()
        for found in counts:
            jobs.add_metric([found.kind, found.status, found.reason], found.number)
        yield jobs
        yield _oldest_waiting(counts)
        if (free := figures.free_bytes()) is not None:
            yield GaugeMetricFamily("pfcon_storebase_free_bytes", "Free bytes of storeBase.", value=free)
        if (lag := figures.keeper_lag()) is not None:
            text = "Seconds since a process was last seen to watch the jobs."
            yield GaugeMetricFamily("pfcon_keeper_lag_seconds", text, value=lag)
        parts = GaugeMetricFamily("pfcon_part_ready", "Whether a part of the service works: 1 or 0.", labels=["part"])
        for name, works in figures.parts().items():
            parts.add_metric([name], works)
        yield parts


def _oldest_waiting(counts: Iterable[Count]) -> Metric:
    text = "Seconds since the oldest job that has not started was accepted."
    metric = GaugeMetricFamily("pfcon_oldest_waiting_job_seconds", text, labels=["kind"])
    oldest: dict[str, float] = {}
    for found in counts:
        if found.status == JobStatus.NOT_STARTED.value and found.oldest is not None:
            oldest[found.kind] = min(found.oldest, oldest.get(found.kind, found.oldest))
    for kind, accepted in oldest.items():
        metric.add_metric([kind], max(0.0, time.time() - accepted))
    return metric
