"""What strikes a service. Each fault takes something away for a while and gives it back before it returns."""

import contextlib
import errno
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from support.waiting import eventually

from .site import Site

AWAY = (0.5, 8.0)  # seconds for which something is away
LONG_AWAY = (5.0, 45.0)  # seconds: longer than SQLite waits for a lock
DAY = 86400  # seconds
PIECE = 1 << 20


def kill_service(site: Site, dice: random.Random) -> None:
    """SIGKILL for all its processes; it is started again."""
    site.server.kill()
    time.sleep(dice.uniform(0, 2))
    site.server.start()


def kill_worker(site: Site, dice: random.Random) -> None:
    """SIGKILL for one of the processes that serve."""
    if found := _workers(site):
        _signal(dice.choice(found), signal.SIGKILL)


def kill_first(site: Site, dice: random.Random) -> None:
    """SIGKILL for the process that looks after the others; those have to end, and the service is started again."""
    workers = _workers(site)
    assert site.server.process is not None
    _signal(site.server.process.pid, signal.SIGKILL)
    site.server.process.wait()
    if not eventually(lambda: not any(_runs(pid) for pid in workers)):
        raise AssertionError(f"workers {workers} go on without their first process")
    site.server.process = None
    time.sleep(dice.uniform(0, 1))
    site.server.start()


def restart(site: Site, dice: random.Random) -> None:
    """SIGTERM, as an administrator does; it is started again."""
    site.server.stop()
    time.sleep(dice.uniform(0, 1))
    site.server.start()


def stop(site: Site, _dice: random.Random) -> None:
    """SIGSTOP for all its processes, and SIGCONT after a while."""
    site.server.signal(signal.SIGSTOP)
    try:
        time.sleep(site.options.pause)
    finally:
        site.server.signal(signal.SIGCONT)


def cut_database(site: Site, dice: random.Random) -> None:
    """The database does not answer: a relay refuses, or somebody holds SQLite's lock."""
    if site.database is not None:
        site.database.cut()
        time.sleep(dice.uniform(*AWAY))
        site.database.restore()
        return
    with contextlib.closing(sqlite3.connect(site.storebase / ".pfcon" / "records.db", timeout=60)) as connection:
        connection.isolation_level = None
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(dice.uniform(*LONG_AWAY))
        connection.execute("ROLLBACK")


def cut_engine(site: Site, dice: random.Random) -> None:
    """The engine does not answer."""
    assert site.engine is not None
    site.engine.cut()
    time.sleep(dice.uniform(*AWAY))
    site.engine.restore()


def fill_disk(site: Site, dice: random.Random) -> None:
    """Somebody else fills the disk that storeBase is on, and frees it after a while."""
    with _filler(site.disk / "somebody-elses"):
        time.sleep(dice.uniform(*AWAY))


def move_clock(site: Site, dice: random.Random) -> None:
    """The service's clock jumps, and jumps back."""
    assert site.clock is not None
    _write(site.clock, str(dice.choice([-1, 1]) * dice.choice([30, 3600, 2 * DAY])))
    time.sleep(dice.uniform(*AWAY))
    _write(site.clock, "0")


Fault = Callable[[Site, random.Random], None]
FAULTS: dict[str, Fault] = {
    "kill-service": kill_service,
    "kill-worker": kill_worker,
    "kill-first": kill_first,
    "restart": restart,
    "stop": stop,
    "cut-database": cut_database,
    "cut-engine": cut_engine,
    "fill-disk": fill_disk,
    "move-clock": move_clock,
}


def impossible(site: Site) -> dict[str, str]:
    """Those that can't strike here, and why."""
    missing = {}
    if site.engine is None:
        missing["cut-engine"] = "the process engine is part of this machine"
    if not site.small_disk:
        missing["fill-disk"] = "needs root, to mount a small file system"
    if site.clock is None:
        missing["move-clock"] = "needs a C compiler (Debian: apt install gcc libc6-dev)"
    return missing


def _workers(site: Site) -> list[int]:
    assert site.server.process is not None
    first = site.server.process.pid
    with contextlib.suppress(OSError):
        return [int(pid) for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split()]
    return []


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(") ")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _write(clock: Path, text: str) -> None:
    """In one step: the service reads it at any moment."""
    clock.with_suffix(".new").write_text(text)
    clock.with_suffix(".new").rename(clock)


@contextlib.contextmanager
def _filler(path: Path) -> Iterator[None]:
    try:
        with path.open("wb", buffering=0) as file:
            for size in (PIECE, 4096):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass
        yield
    except OSError as fault:
        if fault.errno != errno.ENOSPC:
            raise
        yield
    finally:
        path.unlink(missing_ok=True)
