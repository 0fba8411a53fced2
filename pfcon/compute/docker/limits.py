"""Detects limits of jobs that an engine can't enforce. Pure.

An engine without a controller of cgroups(7) ignores the limit, Docker with a warning and Podman silently.
"""

from typing import Any

_DOCKER = {"CpuCfsQuota": "cpu", "MemoryLimit": "memory", "PidsLimit": "pids"}


def missing_of_docker(info: dict[str, Any]) -> list[str]:
    """Return the missing limits, from Docker's SystemInfo (Engine API reference)."""
    return [name for key, name in _DOCKER.items() if info.get(key) is False]


def missing_of_podman(info: dict[str, Any]) -> list[str]:
    """Return the missing limits, from Podman's SystemInfoLibpod; its SystemInfo reports all limits as supported."""
    controllers = info["host"].get("cgroupControllers") or []
    return [name for name in _DOCKER.values() if name not in controllers]


def sentence(missing: list[str]) -> str:
    """Return the text to append to the engine's name."""
    return f", which can't limit {', '.join(missing)} of jobs," if missing else ""
