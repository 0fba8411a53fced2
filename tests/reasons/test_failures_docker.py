"""The failures of the suite on Docker."""

import pytest

from reasons.checks import *  # noqa: F403 - its checks

ENGINE = "docker"
pytestmark = [pytest.mark.engine("docker"), pytest.mark.slow, pytest.mark.timeout(600)]
