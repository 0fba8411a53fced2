"""Reads a job's processes from /proc. A part of the supervisor: uses only the standard library."""

import os
import resource

FORK_KIB = 1024  # memory that a child may use in addition to its parent before it executes a command


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


def total_usage() -> tuple[int, float]:
    """Return the memory of the largest process of an ended job, in bytes, and the CPU time of all, in seconds.

    All were reaped, by this process or by their own parents. The memory of a process includes that of its beginning as
    a copy of this one: a smaller value is not known, and 0.
    """
    used, own = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    memory = used.ru_maxrss * 1024 if used.ru_maxrss > own.ru_maxrss + FORK_KIB else 0
    return memory, round(used.ru_utime + used.ru_stime, 3)


def send(pid: int, number: int) -> None:
    """Signal a process that may have ended."""
    try:  # noqa: SIM105 - contextlib would be imported for this alone
        os.kill(pid, number)
    except ProcessLookupError:
        pass
