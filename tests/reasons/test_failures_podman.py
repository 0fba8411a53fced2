"""The failures of the suite on Podman."""

import pytest

from reasons.checks import *  # noqa: F403 - its checks

ENGINE = "podman"
pytestmark = [pytest.mark.engine("podman"), pytest.mark.slow, pytest.mark.timeout(600)]
