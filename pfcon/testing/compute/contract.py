"""All of the compute contract: for ``import *`` into a test module, as a list, and to run concurrently."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from pfcon.testing.compute import (
    confinement,
    details,
    init,
    interruptions,
    jobs,
    life,
    limits,
    listing,
    logs,
    names,
    needs,
    order,
    workers,
)
from pfcon.testing.compute.harness import Harness

Check = Callable[[Harness], None]
Outcomes = dict[Check, Future[None]]

TOPICS = (life, jobs, logs, needs, workers, confinement, init, interruptions, limits, names, order, details, listing)
CONTRACT: list[Check] = [getattr(topic, name) for topic in TOPICS for name in topic.__all__]
"""Each check is a test function that takes a Harness."""

globals().update({check.__name__: check for check in CONTRACT})
__all__ = [check.__name__ for check in CONTRACT]


@contextmanager
def side_by_side(compute: Harness, at_a_time: int = 8) -> Iterator[Outcomes]:
    """Run the whole contract concurrently, for engines that are slow to start jobs; close the harness at the end.

    The result of each check raises what the check raised, also a skip. The jobs of each check are removed at its end:
    others may wait for what they occupy.
    """
    try:
        with ThreadPoolExecutor(at_a_time) as pool:
            yield {check: pool.submit(_run, check, compute) for check in CONTRACT}
    finally:
        compute.close()


def _run(check: Check, compute: Harness) -> None:
    own = replace(compute, names=[])
    try:
        check(own)
    finally:
        own.remove_jobs()
