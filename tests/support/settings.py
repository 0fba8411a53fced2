"""Settings for tests: working defaults, and what a test wants different."""

from pathlib import PurePosixPath
from typing import Any

from pfcon.compute.docker.description import DockerEngineSettings
from pfcon.compute.settings import ComputeSettings


def compute_settings(**overrides: Any) -> ComputeSettings:
    """ComputeSettings as an almost empty environment gives them, with fields replaced by ``overrides``."""
    values = {
        "engine": "docker",
        "volume_type": "host",
        "storebase": PurePosixPath("/nonexistent/storebase"),
        "own": DockerEngineSettings(),
        **overrides,
    }
    return ComputeSettings(**values)


def docker_at(url: str) -> DockerEngineSettings:
    """A Docker API without TLS."""
    return DockerEngineSettings(host=url)
