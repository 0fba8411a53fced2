"""All of the compute contract on a real HTCondor."""

import pytest

from pfcon.testing.compute import CONTRACT, Check, Outcomes

LAUNCHERS = ["crun", "charliecloud", "apptainer"]


@pytest.mark.engine("htcondor")
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("outcomes", [f"htcondor-{launcher}" for launcher in LAUNCHERS], indirect=True)
def test_the_contract_holds(outcomes: Outcomes, check: Check) -> None:
    outcomes[check].result()
