"""Settings for tests: working defaults, and what a test wants different."""

from pathlib import PurePosixPath
from typing import Any

from pfcon.settings.model import (
    ComputeSettings,
    DockerSettings,
    EngineName,
    KubernetesSettings,
    SlurmSettings,
    VolumeType,
)


def compute_settings(**overrides: Any) -> ComputeSettings:
    """ComputeSettings as an almost empty environment gives them, with fields replaced by ``overrides``."""
    values: dict[str, Any] = {
        "engine": EngineName.DOCKER,
        "volume_type": VolumeType.HOST,
        "storebase": PurePosixPath("/nonexistent/storebase"),
        "volume_name": None,
        "selector": "org.chrisproject.role=pfcon",
        "op_image": None,
        "user": None,
        "home_workaround": False,
        "shm": None,
        "pids": 4096,
        "labels": (),
        "logs_tail": 1000,
        "ignore_limits": False,
        "remove_jobs": True,
        "docker": DockerSettings(host=None, tls_verify=False, cert_path=None),
        "kubernetes": KubernetesSettings(namespace="default", node_selector=(), image_pull_secrets=()),
        "slurm": SlurmSettings(),
        "timelimit": None,
        "cromwell_url": None,
    }
    return ComputeSettings(**{**values, **overrides})


def docker_at(url: str) -> DockerSettings:
    """A Docker API without TLS."""
    return DockerSettings(host=url, tls_verify=False, cert_path=None)
