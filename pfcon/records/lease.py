"""Whether a service process still lives: it renews a lease, and on its own host one can simply look."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

LEASE = 10.0  # seconds without renewal after which a service process that can't be looked at is taken for dead


@dataclass(frozen=True)
class ProcessIdentity:
    """A process among all that share the journal. ``host`` names a boot and a pid namespace, ``started`` is in
    clock ticks since that boot (proc(5), field 22 of stat): together no two processes ever share them."""

    host: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> "ProcessIdentity":
        """That of the calling process."""
        return cls(_this_host(), os.getpid(), _started(os.getpid()) or 0)

    def lives(self, expires_at: float) -> bool:
        """Whether the process runs; ``expires_at``: the end of its lease, which tells where that can't be seen.

        One of this host is looked at: it may be late with its lease, as on a busy machine.
        """
        if self.host == "" or self.host != _this_host():
            return expires_at > time.time()
        return _started(self.pid) == self.started


def owner_lives(row: Mapping[Any, Any]) -> bool:
    """Whether the service process that a row was read with (columns of ``services``, or None) lives."""
    return row["pid"] is not None and ProcessIdentity(row["host"], row["pid"], row["started"]).lives(row["expires_at"])


@cache
def _this_host() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # not Linux: the lease alone tells
        return ""


def _started(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks
    return None if fields[0] in ("Z", "X") else int(fields[19])
