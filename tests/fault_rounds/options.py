"""What the command line of ``tests/faults.sh`` says."""

import argparse
import time
from dataclasses import dataclass

ENGINES = ("process", "docker")
STORAGES = ("zipfile", "fslink", "swift", "s3")
DATABASES = ("sqlite", "postgresql")
ROUND = "about half a minute each; twice that with an object store"
STORES = "swift: PFCON_TEST_SWIFT; s3: PFCON_TEST_S3"


@dataclass(frozen=True)
class Options:
    """``pause``: seconds for which a stopped service stands still; other faults take as long as their kind allows.

    ``first``: the number of the first round, as a seed numbers them.
    """

    rounds: int
    seed: int
    engine: str = "process"
    storage: str = "zipfile"
    database: str = "sqlite"
    faults: tuple[str, ...] = ()
    jobs: int = 4
    pause: float = 60.0
    keep: bool = False
    first: int = 1


def parse(words: list[str] | None, faults: list[str]) -> Options:
    """The command line; ``faults``: the names of all there are."""
    parser = argparse.ArgumentParser(
        prog="tests/faults.sh",
        description="Run jobs on a service of its own while faults strike at random moments, and count the jobs that "
        "were lost, ran twice, hung, or were reported wrongly. Moments, faults and jobs come from a seed, which is "
        "printed first: the same seed makes the same plan again. The exit status is 0 when nothing went wrong, 1 when "
        "something did, and 2 when something is missing that the options ask for.",
        epilog="Engines, stores and databases are those that these variables name. tests/engines starts and names "
        'them; for example: tests/engines/all.sh install swift; eval "$(tests/engines/all.sh start swift)"',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rounds", type=positive_number, default=20, metavar="N", help=ROUND)
    parser.add_argument("--seed", type=int, metavar="N", help="default: from the clock")
    parser.add_argument("--first", type=positive_number, default=1, metavar="N", help="round of the seed to begin with")
    parser.add_argument("--engine", choices=ENGINES, default="process", help="docker: PFCON_TEST_DOCKER")
    parser.add_argument(
        "--storage", choices=STORAGES, default="zipfile", help="swift: PFCON_TEST_SWIFT, s3: PFCON_TEST_S3"
    )
    parser.add_argument("--database", choices=DATABASES, default="sqlite", help="postgresql: PFCON_TEST_POSTGRESQL")
    parser.add_argument("--faults", nargs="+", choices=faults, metavar="NAME", help=f"of {', '.join(faults)}")
    parser.add_argument("--jobs", type=positive_number, default=4, metavar="N", help="that run at the same time")
    parser.add_argument("--pause", type=float, default=60.0, metavar="SECONDS", help="for which the service is stopped")
    parser.add_argument("--keep", action="store_true", help="keep storeBase and the service's log")
    found = parser.parse_args(words)
    seed = int(time.time()) if found.seed is None else found.seed
    return Options(
        found.rounds,
        seed,
        found.engine,
        found.storage,
        found.database,
        tuple(found.faults or ()),
        found.jobs,
        found.pause,
        found.keep,
        found.first,
    )


def positive_number(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)
