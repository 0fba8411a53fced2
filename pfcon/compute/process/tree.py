"""Reads a job's processes from /proc. A part of the supervisor: uses only the standard library."""

import os


def children(pid: int) -> list[int]:
    """Return the processes that a process has started or adopted. proc_pid_task(5)."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += map(int, file.read().split())
    except OSError:
        pass  # it has just ended
    return found


def descendants(pid: int) -> list[int]:
    """Return all descendants of a process, including zombies."""
    found: list[int] = []
    queue = [pid]
    while queue:
        below = children(queue.pop())
        found += below
        queue += below
    return found


def numbers(path: str) -> dict[str, int]:
    """Return the numeric lines of a file like /proc/PID/status; empty if the process has ended or is not accessible."""
    found = {}
    try:
        with open(path) as file:
            for line in file:
                words = line.split()
                if len(words) > 1 and words[1].isdigit():
                    found[words[0]] = int(words[1])
    except OSError:
        pass
    return found


def usage(pids: list[int]) -> tuple[int, int]:
    """Return memory in bytes, and the number of processes and threads.

    Memory: what can't be reclaimed: anonymous, shared and swapped pages, without mapped files. Pages shared by several
    processes count once for each.
    """
    memory = threads = 0
    for pid in pids:
        status = numbers(f"/proc/{pid}/status")
        memory += status.get("RssAnon:", 0) + status.get("RssShmem:", 0) + status.get("VmSwap:", 0)
        threads += status.get("Threads:", 1)
    return memory * 1024, threads


def fair_memory(pids: list[int]) -> int:
    """Like ``usage`` in bytes, but a shared page counts once in all (PSS). Slow: the kernel walks the page tables."""
    total = 0
    for pid in pids:
        rollup = numbers(f"/proc/{pid}/smaps_rollup")
        if "Pss_Anon:" in rollup:
            total += (rollup["Pss_Anon:"] + rollup.get("Pss_Shmem:", 0) + rollup.get("SwapPss:", 0)) * 1024
        else:
            total += usage([pid])[0]
    return total


def send(pid: int, number: int) -> None:
    """Signal a process that may have ended."""
    try:  # noqa: SIM105 - contextlib would be imported for this alone
        os.kill(pid, number)
    except ProcessLookupError:
        pass
