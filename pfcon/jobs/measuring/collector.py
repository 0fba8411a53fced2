"""What is looked up for an answer to Prometheus, because it is a state and not a count of events."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pfcon.records.overview import Count


@dataclass(frozen=True)
class Figures:
    """How to look up the figures. Each returns at once; None or empty: unknown now.

    jobs: the number of records by kind, status and reason. free_bytes: of storeBase. keeper_lag: seconds since a
    process was last seen to watch the jobs. parts: whether each part of the service works.
    """

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
        build = GaugeMetricFamily("pfcon_build", "The version of the service.", labels=["version"])
        build.add_metric([figures.version], 1)
        yield build
        jobs = GaugeMetricFamily("pfcon_jobs", "Jobs in the records.", labels=["kind", "status", "reason"])
        for found in figures.jobs():
            jobs.add_metric([found.kind, found.status, found.reason], found.number)
        yield jobs
        if (free := figures.free_bytes()) is not None:
            yield GaugeMetricFamily("pfcon_storebase_free_bytes", "Free bytes of storeBase.", value=free)
        if (lag := figures.keeper_lag()) is not None:
            text = "Seconds since a process was last seen to watch the jobs."
            yield GaugeMetricFamily("pfcon_keeper_lag_seconds", text, value=lag)
        parts = GaugeMetricFamily("pfcon_part_ready", "Whether a part of the service works: 1 or 0.", labels=["part"])
        for name, works in figures.parts().items():
            parts.add_metric([name], works)
        yield parts
