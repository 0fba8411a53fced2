"""What the workers of a job know of themselves, by their environment. Pure.

``PFCON_WORKER`` is the worker's number, from 0; ``PFCON_WORKERS`` is how many there are. They are pfcon's own: a job's
``env`` can't change them. ``JOB_COMPLETION_INDEX`` is the same number under the name that it has in Kubernetes
("Indexed Job for Parallel Processing"); if the job's ``env`` has that name, the job's value stays, as in Kubernetes.
"""

from collections.abc import Callable, Sequence

from pfcon.errors import Refused
from pfcon.models import JobSpec

WORKER, WORKERS = "PFCON_WORKER", "PFCON_WORKERS"
INDEX = "JOB_COMPLETION_INDEX"
ReadLog = Callable[[int, int], str]
"""Returns the end of a worker's log: at most so many lines, and so many bytes."""

_HEADING = 100  # bytes, at most
NAMES = frozenset({WORKER, WORKERS, INDEX})


MOST = 1000
"""The most workers of a job on an engine where pfcon itself starts or prepares each of them."""


def require_workers(spec: JobSpec, most: int | None = None) -> None:
    """Raise Refused for a job without workers, or with more than ``most``."""
    workers = spec.resources.workers
    if workers < 1:
        raise Refused(f"number_of_workers: must be at least 1, not {workers}")
    if most is not None and workers > most:
        raise Refused(f"number_of_workers: this engine runs at most {most} workers of a job, not {workers}")


def own_env(spec: JobSpec) -> tuple[tuple[str, str], ...]:
    """Return the job's own variables, without those that pfcon sets."""
    return tuple((key, value) for key, value in spec.env if key not in (WORKER, WORKERS))


def number_variables(spec: JobSpec) -> tuple[str, ...]:
    """Return the names of the variables with a worker's number: without the index if the job's own env has it."""
    return (WORKER,) if any(key == INDEX for key, _ in spec.env) else (WORKER, INDEX)


def worker_env(spec: JobSpec, number: int | str) -> tuple[tuple[str, str], ...]:
    """Return all variables of a worker. number: from 0, or a text that stands for it."""
    numbers = ((name, str(number)) for name in number_variables(spec))
    return (*own_env(spec), *numbers, (WORKERS, str(spec.resources.workers)))


def headed(logs: Sequence[ReadLog], lines: int, limit: int) -> str:
    """Return the ends of the logs of several workers, each under a heading with its number, from 1.

    lines, limit: of the whole text, the limit in bytes.
    """
    count = max(1, len(logs))
    parts = [read(max(1, lines // count), limit // count - _HEADING) for read in logs]
    return "".join(f"== worker {number} ==\n{part.rstrip()}\n" for number, part in enumerate(parts, 1) if part)
