"""A few rounds of random faults; ``tests/faults.sh`` runs as many as one likes."""

import pytest
from fault_rounds.__main__ import run
from fault_rounds.options import Options

ROUNDS = 3
PAUSE = 5.0  # seconds


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["zipfile", "fslink"])
@pytest.mark.parametrize("engine", ["process", pytest.param("docker", marks=pytest.mark.engine("docker"))])
def test_random_faults_lose_double_and_hang_nothing(engine: str, storage: str) -> None:
    tally = run(Options(ROUNDS, seed=13, engine=engine, storage=storage, pause=PAUSE))
    assert tally.jobs == ROUNDS * Options.jobs
    assert tally.findings == []
