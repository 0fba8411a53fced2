"""A few rounds of random faults; ``tests/faults.sh`` runs as many as one likes."""

import pytest
from fault_rounds.__main__ import run
from fault_rounds.options import Options

ROUNDS = 3
PAUSE = 5.0  # seconds
DOCKER = pytest.param("docker", marks=pytest.mark.engine("docker"))


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["zipfile", "fslink"])
@pytest.mark.parametrize("engine", ["process", DOCKER])
def test_random_faults_lose_double_and_hang_nothing(engine: str, storage: str) -> None:
    tally = run(Options(ROUNDS, seed=13, engine=engine, storage=storage, pause=PAUSE))
    assert tally.jobs == ROUNDS * Options.jobs
    assert tally.findings == []


@pytest.mark.slow
@pytest.mark.parametrize("storage", [pytest.param(name, marks=pytest.mark.engine(name)) for name in ("swift", "s3")])
def test_an_object_store_that_goes_away_and_operations_that_are_killed(storage: str) -> None:
    faults = ("cut-store", "hang-store", "kill-operation")
    tally = run(Options(1, seed=13, storage=storage, faults=faults, jobs=3))
    assert tally.findings == []


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["zipfile", "fslink", pytest.param("swift", marks=pytest.mark.engine("swift"))])
@pytest.mark.parametrize("engine", ["process", DOCKER])
def test_the_end_of_the_whole_machine(engine: str, storage: str) -> None:
    tally = run(Options(1, seed=13, engine=engine, storage=storage, faults=("kill-machine",), jobs=3))
    assert tally.findings == []


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["zipfile", "fslink"])
def test_a_leader_that_is_killed_or_hangs(storage: str) -> None:
    faults = ("kill-leader", "stop-leader")
    tally = run(Options(2, seed=13, storage=storage, faults=faults, jobs=3))
    assert tally.findings == []
