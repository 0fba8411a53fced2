"""Which limits of jobs an engine can't enforce, by what it says of itself. Pure.

An engine that lacks a controller of cgroups(7) drops the limit, Docker with a warning and Podman without a word.
"""

from typing import Any

_DOCKER = {"CpuCfsQuota": "cpu", "MemoryLimit": "memory", "PidsLimit": "pids"}


def missing_of_docker(info: dict[str, Any]) -> list[str]:
    """From Docker's SystemInfo (Engine API reference)."""
    return [name for key, name in _DOCKER.items() if info.get(key) is False]


def missing_of_podman(info: dict[str, Any]) -> list[str]:
    """From Podman's SystemInfoLibpod; what it gives for Docker's SystemInfo claims all, also when it has none."""
    controllers = info["host"].get("cgroupControllers") or []
    return [name for name in _DOCKER.values() if name not in controllers]


def sentence(missing: list[str]) -> str:
    """What to add to the engine's name."""
    return f", which can't limit {', '.join(missing)} of jobs," if missing else ""
