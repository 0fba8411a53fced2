"""The failures of the suite on Kubernetes."""

import pytest

from reasons.checks import *  # noqa: F403 - its checks

ENGINE = "kubernetes"
pytestmark = [pytest.mark.engine("kubernetes"), pytest.mark.slow, pytest.mark.timeout(600)]
