"""Decides whether a service process is alive: by its lease, or on the same host by proc(5)."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

LEASE = 10.0  # seconds without renewal after which a process of another host counts as dead


@dataclass(frozen=True)
class ProcessIdentity:
    """Identifies a process among all that share the journal: no two processes have the same three values.

    host: a boot and a pid namespace. started: clock ticks since that boot (proc(5), field 22 of stat).
    """

    host: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> "ProcessIdentity":
        """Return the identity of the calling process."""
        return cls(_this_host(), os.getpid(), _started(os.getpid()) or 0)

    def is_alive(self, expires_at: float) -> bool:
        """Whether the process is alive. expires_at: the end of its lease, in seconds since the epoch.

        The lease counts only for processes of other hosts. On this host proc(5) is read, because a busy machine may
        delay the renewal of a lease.
        """
        return not self.has_certainly_ended() if self._is_local else expires_at > time.time()

    def has_certainly_ended(self) -> bool:
        """Whether it was a process of this host that does not exist any more. Compares no clocks."""
        return self._is_local and _started(self.pid) != self.started

    @property
    def _is_local(self) -> bool:
        return self.host != "" and self.host == _this_host()


def has_certainly_ended(row: Mapping[Any, Any]) -> bool:
    """Whether the owner of a row has ended: it has said so, or was a process of this host. row: as owner_is_alive."""
    if row["pid"] is None:
        return True
    return ProcessIdentity(row["host"], row["pid"], row["started"]).has_certainly_ended()


def owner_is_alive(row: Mapping[Any, Any]) -> bool:
    """Whether the owner of a row is alive. row: has the columns of ``services``; they are None without an owner."""
    if row["pid"] is None:
        return False
    return ProcessIdentity(row["host"], row["pid"], row["started"]).is_alive(row["expires_at"])


@cache
def _this_host() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # not Linux: only the lease counts
        return ""


def _started(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name in parentheses may contain spaces
    return None if fields[0] in ("Z", "X") else int(fields[19])
