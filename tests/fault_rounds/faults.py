"""What strikes a service. Each fault takes something away for a while and gives it back before it returns."""

import contextlib
import errno
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from support.leader import leader_pid, records_of

from pfcon.records.leader import TAKEOVER
from pfcon.testing.waiting import eventually

from . import machine, processes
from .processes import runs, send
from .site import Site

AWAY = (0.5, 8.0)  # seconds for which something is away
STORE_AWAY = (0.5, 15.0)  # seconds: three of them are less than a transfer's patience without progress, which is 60
LONG_AWAY = (5.0, 45.0)  # seconds: longer than SQLite waits for a lock
NEXT = 5.0  # seconds to wait for something that runs
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
        send(dice.choice(found), signal.SIGKILL)


def kill_leader(site: Site, dice: random.Random) -> None:
    """SIGKILL for the process that watches the jobs of all."""
    if leader := _leader(site):
        send(leader, signal.SIGKILL)


def stop_leader(site: Site, dice: random.Random) -> None:
    """SIGSTOP for the process that watches the jobs of all, so long that another one may take over; then SIGCONT."""
    if leader := _leader(site):
        send(leader, signal.SIGSTOP)
        time.sleep(dice.uniform(0, 2 * TAKEOVER))
        send(leader, signal.SIGCONT)


def kill_first(site: Site, dice: random.Random) -> None:
    """SIGKILL for the process that looks after the others; those have to end, and the service is started again."""
    workers = _workers(site)
    assert site.server.process is not None
    send(site.server.process.pid, signal.SIGKILL)
    site.server.process.wait()
    if not eventually(lambda: not any(runs(pid) for pid in workers)):
        raise AssertionError(f"workers {workers} go on without their first process")
    site.server.process = None
    time.sleep(dice.uniform(0, 1))
    site.server.start()


def kill_machine(site: Site, dice: random.Random) -> None:
    """SIGKILL for all processes of the service, its operations and its jobs, at once; the service is started again.

    At any moment, or soon after something began to run.
    """
    if dice.random() < 0.5:
        machine.await_job(site, NEXT)
        time.sleep(dice.uniform(0, 1))
    machine.kill(site)
    time.sleep(dice.uniform(0, 2))
    site.server.start()


def kill_operation(site: Site, dice: random.Random) -> None:
    """SIGKILL for the process of a copy, upload or delete job or its supervisor; the next one if there is none."""
    if found := processes.await_operation(site, NEXT):
        operation, supervisor = dice.choice(found)
        site.killed.add(supervisor.job)
        send(dice.choice([operation, supervisor]).pid, signal.SIGKILL)


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


def cut_store(site: Site, dice: random.Random) -> None:
    """The object store refuses connections, and those that were open are broken."""
    assert site.store is not None
    site.store.cut()
    time.sleep(dice.uniform(*STORE_AWAY))
    site.store.restore()


def hang_store(site: Site, dice: random.Random) -> None:
    """The object store accepts connections and is silent; it goes on, or breaks all of them."""
    assert site.store is not None
    site.store.hold()
    time.sleep(dice.uniform(*STORE_AWAY))
    if dice.random() < 0.5:
        site.store.cut()
        site.store.restore()
    site.store.let_go()


def fill_disk(site: Site, dice: random.Random) -> None:
    """Somebody else fills the disk that storeBase is on, and frees it after a while."""
    site.was_full = True
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
    "kill-leader": kill_leader,
    "stop-leader": stop_leader,
    "kill-first": kill_first,
    "kill-machine": kill_machine,
    "kill-operation": kill_operation,
    "restart": restart,
    "stop": stop,
    "cut-database": cut_database,
    "cut-engine": cut_engine,
    "cut-store": cut_store,
    "hang-store": hang_store,
    "fill-disk": fill_disk,
    "move-clock": move_clock,
}


def impossible(site: Site) -> dict[str, str]:
    """Those that can't strike here, and why."""
    missing = {}
    if site.engine is None:
        missing["cut-engine"] = "the process engine is part of this machine"
    if site.store is None:
        missing["cut-store"] = missing["hang-store"] = f"{site.options.storage} has no object store"
    if site.options.storage == "zipfile":
        missing["kill-operation"] = "with zipfile, the service stages and deletes by itself"
    if not site.small_disk:
        missing["fill-disk"] = "needs root, to mount a small file system"
    if site.clock is None:
        missing["move-clock"] = "needs a C compiler (Debian: apt install gcc libc6-dev)"
    return missing


def _workers(site: Site) -> list[int]:
    with contextlib.suppress(OSError):
        return site.server.worker_pids
    return []


def _leader(site: Site) -> int | None:
    """The pid of the leader; None if the records do not answer, or none of the processes that serve is it."""
    with contextlib.suppress(SQLAlchemyError), records_of(site.server) as records:
        leader = leader_pid(records)
        return leader if leader in _workers(site) else None
    return None


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
