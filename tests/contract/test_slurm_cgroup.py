"""All of the compute contract on a Slurm with cgroups, with each launcher that is tried."""

import pytest
from support.slurm import launchers

from pfcon.testing.compute import CONTRACT, Check, Outcomes


@pytest.mark.engine("slurm")
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("outcomes", [f"slurm-cgroup-{launcher}" for launcher in launchers("cgroup")], indirect=True)
def test_the_contract_holds(outcomes: Outcomes, check: Check) -> None:
    outcomes[check].result()
