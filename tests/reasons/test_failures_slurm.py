"""The failures of the suite on Slurm."""

import pytest

from reasons.checks import *  # noqa: F403 - its checks

ENGINE = "slurm"
pytestmark = [pytest.mark.engine("slurm"), pytest.mark.slow, pytest.mark.timeout(600)]
