"""All of the compute contract on a Slurm without cgroups; runc is tried with them, where it is the odd one."""

import pytest

from pfcon.testing.compute import CONTRACT, Check, Outcomes

LAUNCHERS = ["crun", "charliecloud", "container"]


@pytest.mark.engine("slurm")
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("outcomes", [f"slurm-plain-{launcher}" for launcher in LAUNCHERS], indirect=True)
def test_the_contract_holds(outcomes: Outcomes, check: Check) -> None:
    outcomes[check].result()
