"""The compute contract, on the toy engine."""

import pytest

from pfcon.testing.compute import CONTRACT, Check, Harness


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_the_toy_engine_keeps_the_contract(check: Check, compute: Harness) -> None:
    check(compute)
