"""Space of storeBase is reserved before it is used, by threads and processes alike."""

import multiprocessing
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pfcon.errors import StorageFull
from pfcon.paths import StoreBase
from pfcon.reservation import Reservation
from pfcon.testing.waiting import eventually

MIB = 1 << 20
MUST_STAY = 10 * MIB
PIECE = b"x" * MIB


@dataclass(frozen=True)
class Disk(StoreBase):
    """A storeBase whose file system is as large as it is told to be."""

    free: int = 100 * MIB

    def free_bytes(self) -> int:
        return self.free


@pytest.fixture
def disk(storebase: StoreBase) -> Disk:
    return Disk(storebase.root)


def reserved(storebase: StoreBase) -> list[str]:
    return [name for name in os.listdir(storebase.private / "reserved") if name != "lock"]


def test_what_does_not_fit_is_refused_with_the_numbers(disk: Disk) -> None:
    with Reservation(disk, MUST_STAY) as room, pytest.raises(StorageFull) as raised:
        room.reserve(91 * MIB, "data_file: unpacked, the inputs")
    assert raised.value.status == 507
    assert raised.value.retryable
    assert str(raised.value) == (
        "data_file: unpacked, the inputs need 91.0 MiB (95420416 bytes); storeBase has 100.0 MiB free"
        " (104857600 bytes), and 10.0 MiB must stay free (PFCON_MIN_FREE_BYTES)"
    )


def test_what_others_have_reserved_is_not_there(disk: Disk) -> None:
    with Reservation(disk, MUST_STAY) as first, Reservation(disk, MUST_STAY) as second:
        first.reserve(60 * MIB, "x")
        with pytest.raises(StorageFull, match=r"60\.0 MiB are reserved by others"):
            second.reserve(31 * MIB, "x")
        second.reserve(30 * MIB, "x")
    with Reservation(disk, MUST_STAY) as third:
        third.reserve(90 * MIB, "x")
    assert reserved(disk) == []


def test_what_has_been_written_counts_once(storebase: StoreBase) -> None:
    with Reservation(Disk(storebase.root), MUST_STAY) as first, Reservation(Disk(storebase.root), MUST_STAY) as second:
        first.reserve(60 * MIB, "x")
        first.record_written(60 * MIB)
        second.reserve(90 * MIB, "x")  # the file system would have less free now
        with pytest.raises(StorageFull):
            first.ensure(MIB, "x")


def test_what_grows_has_room_to_the_last_byte(disk: Disk) -> None:
    with Reservation(disk, MUST_STAY) as room:
        for _ in range(90):
            room.ensure(MIB, "x")
            room.record_written(MIB)
            object.__setattr__(disk, "free", disk.free - MIB)
        with pytest.raises(StorageFull):
            room.ensure(MIB, "x")


def test_without_a_limit_nothing_is_reserved(disk: Disk) -> None:
    with Reservation(disk, 0) as room:
        room.check(1 << 50, "x")
        room.reserve(1 << 50, "x")
        room.ensure(1 << 50, "x")
        room.record_written(1)
    assert not (disk.private / "reserved").exists()


def _hold(root: Path, ready: "multiprocessing.synchronize.Event") -> None:
    room = Reservation(Disk(root), MUST_STAY)
    room.reserve(60 * MIB, "x")
    ready.set()
    threading.Event().wait(600)


def test_a_killed_process_holds_nothing(disk: Disk) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(disk.root, ready))
    process.start()
    assert ready.wait(120)
    with Reservation(disk, MUST_STAY) as room, pytest.raises(StorageFull):
        room.check(31 * MIB, "x")
    process.kill()
    process.join()
    with Reservation(disk, MUST_STAY) as room:
        room.reserve(90 * MIB, "x")
    assert reserved(disk) == []


@pytest.fixture
def small(storebase: StoreBase) -> Iterator[StoreBase]:
    """A storeBase of its own file system, of 100 MiB."""
    if os.geteuid():
        pytest.skip("needs root to mount a small file system")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "none", storebase.root], check=False)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield StoreBase(storebase.root)
    finally:
        assert eventually(lambda: subprocess.run(["umount", storebase.root], check=False).returncode == 0)


def _write(root: Path, number: int, least: list[int]) -> None:
    """Write until there is no room, as an upload does."""
    storebase = StoreBase(root)
    with (root / f"{os.getpid()}.{number}").open("wb", buffering=0) as file, Reservation(storebase, MUST_STAY) as room:
        try:
            while True:
                room.ensure(MIB, "x")
                file.write(PIECE)
                room.record_written(MIB)
                least.append(storebase.free_bytes())
        except StorageFull:
            pass


def _write_many(root: Path) -> None:
    least: list[int] = []
    threads = [threading.Thread(target=_write, args=(root, number, least)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (root / f"least.{os.getpid()}").write_text(str(min(least, default=MUST_STAY)))


def test_many_writers_in_two_processes_leave_what_must_stay(small: StoreBase) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_many, args=(small.root,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert min(int(path.read_text()) for path in small.root.glob("least.*")) >= MUST_STAY - MIB // 2
    assert small.free_bytes() < MUST_STAY + 64 * MIB  # and all that may be used can be
    assert reserved(small) == []
