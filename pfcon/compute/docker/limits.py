"""Detects what an engine can't do: limits of jobs that it can't enforce, exit codes that it loses. Pure.

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


def loses_exit_codes(info: dict[str, Any]) -> bool:
    """Return whether containers are run by scrun(1), of Slurm: with it, each that fails has exit code 0.

    Its exit status is that of wait(2), of which the exit code is not in the low eight bits (Slurm 24.11, 26.05).
    info: SystemInfo; Podman's has these keys, too.
    """
    name = str(info.get("DefaultRuntime") or "")
    path = str(((info.get("Runtimes") or {}).get(name) or {}).get("path") or "")
    return "scrun" in (name, path.rpartition("/")[2])
