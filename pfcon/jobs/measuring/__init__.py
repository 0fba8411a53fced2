"""What a service counts and looks up about jobs and engines for its metrics."""

from pfcon.jobs.measuring.collector import FiguresCollector
from pfcon.jobs.measuring.figures import make_collector

__all__ = ["FiguresCollector", "make_collector"]
