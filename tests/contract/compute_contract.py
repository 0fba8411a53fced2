"""All of the compute contract as a list: where an engine makes every job wait, its tests run side by side."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import test_compute
import test_compute_confinement
import test_compute_init
import test_compute_interruptions
import test_compute_jobs
import test_compute_names
import test_compute_needs
import test_compute_order
from support.compute import Harness

Check = Callable[[Harness], None]
Outcomes = dict[Check, Future[None]]
PARTS = [
    test_compute,
    test_compute_jobs,
    test_compute_needs,
    test_compute_confinement,
    test_compute_init,
    test_compute_interruptions,
    test_compute_names,
    test_compute_order,
]
CONTRACT: list[Check] = [check for part in PARTS for name, check in vars(part).items() if name.startswith("test_")]
AT_A_TIME = 8


@contextmanager
def side_by_side(compute: Harness) -> Iterator[Outcomes]:
    """Run all of the contract; the result of each of its tests raises what the test raised, be it a skip."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {check: pool.submit(check, compute) for check in CONTRACT}
    compute.close()
