"""Resident memory and processor time of all processes of a server, as the kernel tells them (proc(5))."""

import contextlib
import os
import threading
import time
from dataclasses import dataclass
from types import TracebackType

INTERVAL = 0.05  # seconds between two looks
RESCAN = 0.25  # seconds between two searches for processes


@dataclass(frozen=True)
class Memory:
    """Bytes. ``rss`` and ``pss`` are sums over all processes, ``rss_one`` is that of the biggest.

    What processes share counts once for each in ``rss``, and once in all in ``pss``.
    """

    rss: int
    pss: int
    rss_one: int

    def peak(self, other: "Memory") -> "Memory":
        """The bigger one of each."""
        return Memory(max(self.rss, other.rss), max(self.pss, other.pss), max(self.rss_one, other.rss_one))


def group(leader: int) -> list[int]:
    """The processes of a process group."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _in_group(int(name), leader)]


def _in_group(pid: int, leader: int) -> bool:
    try:
        return os.getpgid(pid) == leader
    except ProcessLookupError:
        return False


def cpu_seconds(pids: list[int]) -> float:
    """The processor time that these processes have taken, in seconds (proc_pid_stat(5)); none if one has ended."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # user and system
    return ticks / os.sysconf("SC_CLK_TCK")


def look(pids: list[int]) -> Memory:
    """The memory of these processes now; one that has ended has none."""
    sizes = [_rollup(pid) for pid in pids]
    return Memory(sum(rss for rss, _ in sizes), sum(pss for _, pss in sizes), max((rss for rss, _ in sizes), default=0))


def _rollup(pid: int) -> tuple[int, int]:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    sizes = {}
    for line in text.splitlines()[1:]:
        name, _, rest = line.partition(b":")
        sizes[name] = int(rest.split()[0]) * 1024
    return sizes[b"Rss"], sizes[b"Pss"]


def peak_of(pid: int) -> int:
    """The most bytes that were resident in a process since its program started (VmHWM); 0 when it has ended."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            told = [line for line in file if line.startswith(b"VmHWM:")]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(told[0].split()[1]) * 1024 if told else 0


class MemoryWatch:
    """A context in which a server's memory is looked at every 50 ms; ``peak`` afterwards."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = Memory(0, 0, 0)

    def _watch(self) -> None:
        before = pids = set(group(self._leader))
        scanned = time.monotonic()
        while True:
            if time.monotonic() - scanned >= RESCAN:
                # What is there only once is the copy of a worker that becomes a job, in a group of its own.
                now, scanned = set(group(self._leader)), time.monotonic()
                pids, before = now & before, now
            self.peak = self.peak.peak(look([pid for pid in pids if _in_group(pid, self._leader)]))
            if self._stop.wait(INTERVAL):
                return

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
