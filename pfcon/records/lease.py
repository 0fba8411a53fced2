"""Whether a service process still lives: it renews a lease, and on its own host one can simply look."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LEASE = 10.0  # seconds without renewal after which a service process is taken for dead


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

    @property
    def gone(self) -> bool:
        """Whether the process has certainly ended. False also where that can't be seen from here."""
        return self.host == _this_host() and self.host != "" and _started(self.pid) != self.started


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
