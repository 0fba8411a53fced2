"""Reads a job's processes from /proc. A part of the supervisor: uses only the standard library."""

import os
import resource

SHM = "/dev/shm/"  # noqa: S108 - where shm_open(3) has its files
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


def usage(pids: list[int], *, shm: bool = False) -> tuple[int, int]:
    """Return memory in bytes, and the number of processes and threads. shm: the job has a /dev/shm of its own.

    Memory: what can't be reclaimed: anonymous, shared and swapped pages, without mapped files. Pages shared by several
    processes count once for each.
    """
    memory = threads = 0
    for pid in pids:
        status = numbers(f"/proc/{pid}/status")
        memory += status.get("RssAnon:", 0) + status.get("RssShmem:", 0) + status.get("VmSwap:", 0)
        threads += status.get("Threads:", 1)
    return memory * 1024 + (in_shm() if shm else 0), threads


def in_shm() -> int:
    """Return the bytes in the /dev/shm of this process, which is the job's own."""
    from pfcon.compute.process.shm import used

    return used()


def mapped_from_shm(pid: int) -> int:
    """Return the bytes (PSS) of a process's memory that are files in /dev/shm. proc_pid_smaps(5).

    Not the pages of private mappings that were written to: these are copies, which the file system does not count.
    """
    total, counts = 0, False
    try:
        with open(f"/proc/{pid}/smaps") as file:
            for line in file:
                words = line.split()
                if not words[0].endswith(":"):  # the first line of a mapping; its path is the sixth word
                    counts = len(words) > 5 and words[5].startswith(SHM)
                elif counts and words[0] in ("Pss:", "Anonymous:"):
                    total += int(words[1]) * (1024 if words[0] == "Pss:" else -1024)
    except OSError:
        pass  # it has just ended
    return total


def fair_memory(pids: list[int], *, shm: bool = False) -> int:
    """Like ``usage`` in bytes, but a shared page counts once in all (PSS). Slow: the kernel walks the page tables."""
    total = in_shm() - sum(map(mapped_from_shm, pids)) if shm else 0
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
