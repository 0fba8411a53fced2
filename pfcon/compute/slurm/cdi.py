"""Reads a CDI file: what a container needs so that its job can use GPUs (Container Device Interface, SPEC.md)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pfcon.errors import ConfigurationError, Refused

DEVICE = "all"  # the device whose edits are used; Slurm decides which GPUs a job may open
_EDITS = frozenset({"env", "deviceNodes", "mounts", "hooks"})


@dataclass(frozen=True)
class Edits:
    """What is added to a bundle's config.json, in its form. Devices are mounts: a user namespace can't create them."""

    env: tuple[str, ...]
    mounts: tuple[dict[str, Any], ...]
    hooks: dict[str, list[dict[str, Any]]]


def require_cdi(path: Path | None, variable: str) -> None:
    """Raise ConfigurationError for a file that can't be used. variable: which names it, for messages."""
    try:
        if path is not None:
            read_edits(path, variable)
    except Refused as fault:
        raise ConfigurationError([str(fault)]) from fault


def read_edits(path: Path, variable: str) -> Edits:
    """Return the edits of the file, and those of its device ``all``. Raises Refused for a file that can't be used."""
    try:
        return edits(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        said = f"it has no {fault}" if isinstance(fault, KeyError) else str(fault)
        raise Refused(f"{variable}: {path} is no CDI file in JSON: {said}") from fault


def edits(document: dict[str, Any]) -> Edits:
    """Return the edits of a CDI document. Raises ValueError, KeyError, TypeError or AttributeError if it is wrong."""
    devices = {device["name"]: device["containerEdits"] for device in document["devices"]}
    if DEVICE not in devices:
        raise ValueError(f"it has no device `{DEVICE}`, only {', '.join(devices) or 'none'}")
    parts: list[dict[str, Any]] = [document.get("containerEdits") or {}, devices[DEVICE]]
    if unknown := {key for part in parts for key, value in part.items() if value} - _EDITS:
        raise ValueError(f"pfcon does not support its {', '.join(sorted(unknown))}")
    hooks: dict[str, list[dict[str, Any]]] = {}
    for hook in (hook for part in parts for hook in part.get("hooks") or ()):
        fields = {key: hook[key] for key in ("path", "args", "env", "timeout") if hook.get(key)}
        hooks.setdefault(hook["hookName"], []).append(fields)
    return Edits(
        env=tuple(word for part in parts for word in part.get("env") or ()),
        mounts=(
            *(_device(node) for part in parts for node in part.get("deviceNodes") or ()),
            *(_mount(mount) for part in parts for mount in part.get("mounts") or ()),
        ),
        hooks=hooks,
    )


def _device(node: dict[str, Any]) -> dict[str, Any]:
    source = node.get("hostPath") or node["path"]
    return {"destination": node["path"], "source": source, "type": "bind", "options": ["bind", "nosuid", "noexec"]}


def _mount(mount: dict[str, Any]) -> dict[str, Any]:
    return {
        "destination": mount["containerPath"],
        "source": mount["hostPath"],
        "type": mount.get("type") or "bind",
        "options": mount.get("options") or ["ro", "nosuid", "nodev", "bind"],
    }
