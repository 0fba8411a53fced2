"""Tests of the compute contract that the list of ``compute_contract`` lacks would not run on Slurm."""

import re
from pathlib import Path

from compute_contract import CONTRACT

TAKES_AN_ENGINE = re.compile(r"^def (test_\w+)\([^)]*\bcompute: Harness\b", re.MULTILINE)


def test_every_test_that_takes_an_engine_is_in_the_contract() -> None:
    written = [
        (path.stem, name)
        for path in Path(__file__).parent.glob("test_*.py")
        for name in TAKES_AN_ENGINE.findall(path.read_text())
    ]
    assert len(written) > 40
    assert sorted((check.__module__, check.__name__) for check in CONTRACT) == sorted(written)
