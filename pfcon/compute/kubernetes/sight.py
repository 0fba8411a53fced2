"""The parts of a pod object that its rules read. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pfcon.compute.unreadable import utc


@dataclass(frozen=True)
class Sight:
    """A pod object, and the job's memory limit in bytes, 0 for none."""

    pod: dict[str, Any]
    limit: int

    @property
    def status(self) -> dict[str, Any]:
        """The pod's status."""
        return self.pod.get("status") or {}

    @property
    def phase(self) -> str:
        """The pod's phase; ``""`` before it has one."""
        return str(self.status.get("phase") or "")

    @property
    def now(self) -> dict[str, Any]:
        """The state of its container."""
        container: dict[str, Any] = next(iter(self.status.get("containerStatuses") or []), {})
        return container.get("state") or {}

    @property
    def ended(self) -> dict[str, Any]:
        """The final state of its container; empty before its end."""
        return self.now.get("terminated") or {}

    @property
    def runs(self) -> bool:
        """Whether its container runs."""
        return "running" in self.now

    @property
    def container(self) -> dict[str, Any]:
        """The specification of its container."""
        found: dict[str, Any] = ((self.pod.get("spec") or {}).get("containers") or [{}])[0]
        return found

    @property
    def image(self) -> str:
        """Its image."""
        return str(self.container.get("image") or "")

    @property
    def command(self) -> str:
        """The first word of its command."""
        return str(next(iter(self.container.get("command") or ()), "")).replace("$$", "$")

    @property
    def node(self) -> str:
        """The name of its node; ``""`` before it has one."""
        return str((self.pod.get("spec") or {}).get("nodeName") or "")

    @property
    def deleted_at(self) -> datetime | None:
        """When the deletion was requested: deletionTimestamp is the end of the grace."""
        until = time_of(self.pod["metadata"].get("deletionTimestamp"))
        return until and until - timedelta(seconds=int(self.pod["metadata"].get("deletionGracePeriodSeconds") or 0))


def time_of(text: str | None) -> datetime | None:
    """Parse a time of Kubernetes; return it in UTC."""
    return utc(text)
