"""The failures of the suite on the process engine."""

import pytest

from reasons.checks import *  # noqa: F403 - its checks

ENGINE = "process"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
