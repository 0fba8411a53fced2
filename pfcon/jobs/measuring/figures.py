"""How the figures of a service are looked up: in the background, so that nobody waits for a database or a disk."""

from collections.abc import Callable
from typing import TypeVar

from pfcon import __version__
from pfcon.errors import PfconError
from pfcon.jobs.context import JobContext
from pfcon.jobs.lookup import Lookup
from pfcon.jobs.measuring.collector import Figures, FiguresCollector
from pfcon.jobs.readiness import Readiness
from pfcon.jobs.watching.watch import Watch
from pfcon.records.overview import Count, count_jobs

T = TypeVar("T")

KEPT = 10.0  # seconds for which a figure is kept
WAIT = 2.0  # seconds in which an answer to Prometheus waits for new figures
PATIENCE = 20.0  # seconds of a look-up after which the last figure is too old


def latest(name: str, look_up: Callable[[], T], unknown: T) -> Lookup[T]:
    """Return how a figure is looked up.

    look_up: may take long; raises PfconError or OSError when the figure is unknown, which is logged by who notices an
    outage. unknown: the figure then, and while a look-up hangs.
    """

    def found() -> T:
        try:
            return look_up()
        except (PfconError, OSError):
            return unknown

    return Lookup(name, found, kept=lambda _: KEPT, hung=lambda _: unknown, failed=lambda _: unknown, patience=PATIENCE)


def make_collector(context: JobContext, watch: Watch, readiness: Readiness) -> FiguresCollector:
    """Return what looks up the figures of a service process."""
    nothing: tuple[Count, ...] = ()
    unknown: int | None = None
    jobs = latest("count jobs", lambda: count_jobs(context.journal.database.engine), nothing)
    free = latest("look at the free space", context.storebase.free_bytes, unknown)

    def begin() -> None:
        jobs.begin()
        free.begin()

    return FiguresCollector(
        Figures(
            begin=begin,
            jobs=lambda: jobs.result(WAIT),
            free_bytes=lambda: free.result(WAIT),
            keeper_lag=lambda: watch.keeper_silence,
            parts=lambda: {name: state.ok for name, state in readiness.states().items()},
            version=__version__,
        )
    )
