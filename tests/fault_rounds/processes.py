"""The processes of one site: its service, and what the process engine has started for it."""

import contextlib
import os
import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from pfcon.testing.waiting import eventually

from .site import Site

OPERATION = b"pfcon.operations"
SUPERVISOR = b"/compute/process/supervisor.py"
FINAL = 5  # which word of a supervisor's command names the job's directory


class Process(NamedTuple):
    """``words``: its command. ``group``: its process group."""

    pid: int
    parent: int
    group: int
    words: list[bytes]

    @property
    def job(self) -> str:
        """The name of the job that a supervisor supervises; "" for other processes."""
        if len(self.words) > FINAL and any(word.endswith(SUPERVISOR) for word in self.words[:FINAL]):
            return Path(os.fsdecode(self.words[FINAL])).name
        return ""


def all_of(site: Site) -> list[Process]:
    """The service, the supervisors of its jobs, and all that descends from these. Empty when all have ended."""
    found = _all()
    below = os.fsencode(site.storebase) + b"/"
    service = site.server.process.pid if site.server.process else -1
    first = [one for one in found if one.group == service or (one.job and one.words[FINAL].startswith(below))]
    children: dict[int, list[Process]] = defaultdict(list)
    for one in found:
        children[one.parent].append(one)
    tree: dict[int, Process] = {}
    while first:
        one = first.pop()
        if one.pid not in tree:
            tree[one.pid] = one
            first += children[one.pid]
    return list(tree.values())


def operations(site: Site) -> list[tuple[Process, Process]]:
    """The copy, upload and delete operations that run beside the service, each with its supervisor."""
    found = all_of(site)
    supervisors = {one.pid: one for one in found if one.job}
    return [(one, supervisors[one.parent]) for one in found if OPERATION in one.words and one.parent in supervisors]


def kill_all(site: Site) -> set[str]:
    """SIGKILL for all of a site at once: none is left that sees another's end. The names of the jobs that it hit."""
    stopped: dict[int, Process] = {}
    while fresh := [one for one in all_of(site) if one.pid not in stopped]:
        for one in fresh:
            send(one.pid, signal.SIGSTOP)
            stopped[one.pid] = one
    for pid in stopped:
        send(pid, signal.SIGKILL)
    if site.server.process is not None:
        site.server.process.wait()
        site.server.process = None
    if not eventually(lambda: not any(runs(pid) for pid in stopped)):
        raise AssertionError(f"processes {list(stopped)} do not end")
    return {one.job for one in stopped.values() if one.job}


def await_operation(site: Site, seconds: float) -> list[tuple[Process, Process]]:
    """``operations`` as soon as there is one; empty when there was none for so long."""
    until = time.monotonic() + seconds
    while not (found := operations(site)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def send(pid: int, number: int) -> None:
    """A signal; nothing where the process has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def runs(pid: int) -> bool:
    """Whether a process has not ended; a zombie has."""
    try:
        return _stat(Path("/proc", str(pid)))[0] not in "ZX"
    except OSError:
        return False


def _all() -> list[Process]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended while we looked
            state, parent, group = _stat(path)
            if state not in "ZX":
                words = (path / "cmdline").read_bytes().split(b"\0")
                found.append(Process(int(path.name), int(parent), int(group), words))
    return found


def _stat(path: Path) -> list[str]:
    """State, parent and group (proc_pid_stat(5))."""
    return (path / "stat").read_text("utf-8", "replace").rpartition(") ")[2].split()[:3]
