"""The failures of the suite on HTCondor."""

import pytest

from reasons.checks import *  # noqa: F403 - its checks

ENGINE = "htcondor"
pytestmark = [pytest.mark.engine("htcondor"), pytest.mark.slow, pytest.mark.timeout(600)]
