"""How many workers a job may have: where pfcon itself starts or prepares each, a request for a million is refused."""

from collections.abc import Callable

import pytest

from pfcon.compute.docker import spec as docker
from pfcon.compute.process import spec as process
from pfcon.compute.workers import MOST, require_workers
from pfcon.errors import Refused
from pfcon.models import JobId, JobKind, JobSpec, Resources


def several(workers: int) -> JobSpec:
    """A job with that many workers."""
    resources = Resources(workers=workers)
    return JobSpec("j1", JobId("j1"), JobKind.PLUGIN, "local/x:1", ("true",), resources=resources)


@pytest.mark.parametrize(
    "require", [docker.require_possible, lambda spec: process.refuse(spec, 0, 0)], ids=["docker", "process"]
)
def test_an_engine_that_starts_each_worker_refuses_too_many(require: Callable[[JobSpec], None]) -> None:
    """Each is a process or a container: a million would use up all of the machine."""
    require(several(MOST))
    for number in (0, MOST + 1, 10**6):
        with pytest.raises(Refused, match=r"^number_of_workers: "):
            require(several(number))


def test_others_leave_it_to_their_own_limits() -> None:
    """A Swarm, a Kubernetes and a Slurm schedule them by themselves."""
    require_workers(several(10**6))
