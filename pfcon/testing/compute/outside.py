"""Finds and kills the processes of jobs without pfcon (Linux only)."""

import contextlib
import os
import signal
from pathlib import Path

from pfcon.models import JobSpec


def processes_of(spec: JobSpec) -> list[int]:
    """Return the pids of this machine's processes whose arguments contain the last one of the job's command."""
    mark, found = spec.argv[-1].encode(), []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # the process has just ended
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def kill_processes(spec: JobSpec, number: signal.Signals) -> None:
    """Send a signal to all of ``processes_of`` a job. Raises AssertionError when this machine has none."""
    processes = processes_of(spec)
    assert processes, f"no process of {spec.name} is on this machine"
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
