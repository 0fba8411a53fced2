"""The failures of the suite on Swarm."""

import pytest

from reasons.checks import *  # noqa: F403 - its checks

ENGINE = "swarm"
pytestmark = [pytest.mark.engine("swarm"), pytest.mark.slow, pytest.mark.timeout(600)]
