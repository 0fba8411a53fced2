"""Kills what a supervisor that was killed has left. A part of the supervisor: uses only the standard library."""

from __future__ import annotations

import os
import signal
import time

MARKER = "PFCON_JOB"  # in the environment of every process of a job


def kill_marked(marker: str) -> None:
    """Kill every process that was started with a job's marker in its environment.

    Processes that have cleared or overwritten their environment are not found. Needs pidfd_open(2), of Linux 5.3.
    """
    needle = f"{MARKER}={marker}".encode()
    for _ in range(50):  # repeated for processes that were started in the meantime
        if not sum(_kill_if_marked(int(pid), needle) for pid in os.listdir("/proc") if pid.isdigit()):
            return
        time.sleep(0.01)


def _kill_if_marked(pid: int, needle: bytes) -> bool:
    try:
        process = os.pidfd_open(pid)  # opened before the check: the id may be reused by another process
    except OSError:
        return False
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            if needle not in file.read().split(b"\0"):
                return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:
        return False  # ended, or another user's
    finally:
        os.close(process)
    return True
