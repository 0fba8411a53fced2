"""What happens in a round, and when: drawn from a seed before anything runs."""

import random
from dataclasses import dataclass
from enum import StrEnum

SPREAD = 4.0  # seconds over which jobs begin
LONGEST = 3.0  # seconds that a job runs
BETWEEN = 5.0  # seconds, at most, between two faults


class Ending(StrEnum):
    """What a job is made to do."""

    SUCCESS = "success"
    FAILURE = "failure"
    DELETED = "deleted"  # by the client, at some moment of its run


@dataclass(frozen=True)
class PlannedJob:
    """``begin``: seconds from the round's begin. ``runs``: seconds. ``patience``: seconds until it is deleted."""

    ending: Ending
    begin: float
    runs: float
    patience: float
    files: int


@dataclass(frozen=True)
class PlannedFault:
    """``after``: seconds from the end of the one before. ``seed``: what the fault itself draws from."""

    name: str
    after: float
    seed: int


@dataclass(frozen=True)
class Round:
    """``number`` counts from one."""

    number: int
    jobs: tuple[PlannedJob, ...]
    faults: tuple[PlannedFault, ...]


def plan(seed: int, number: int, jobs: int, faults: list[str]) -> Round:
    """The round of that number: the same for the same arguments."""
    dice = random.Random(f"{seed} {number}")
    return Round(
        number,
        tuple(_job(dice) for _ in range(jobs)),
        tuple(
            PlannedFault(dice.choice(faults), dice.uniform(0, BETWEEN), dice.randrange(2**32))
            for _ in range(dice.randint(1, 3))
        ),
    )


def _job(dice: random.Random) -> PlannedJob:
    ending = dice.choices(list(Ending), [6, 2, 2])[0]
    begin, runs = dice.uniform(0, SPREAD), dice.uniform(0, LONGEST)
    return PlannedJob(ending, begin, runs, dice.uniform(0, LONGEST), dice.choice([1, 20, 400]))
