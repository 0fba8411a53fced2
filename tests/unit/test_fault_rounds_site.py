"""What the fault rounds take away is all of one site, and nothing of another."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_rounds import processes
from fault_rounds.faults import FAULTS, impossible
from fault_rounds.options import Options
from fault_rounds.site import Site
from fault_rounds.store import StoreRelay
from support.compute import make_harness
from support.live import LiveServer

from pfcon.models import JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import HEARTBEAT, Harness, still_changes
from pfcon.testing.waiting import PATIENCE, eventually


def site_of(root: Path, **options: Any) -> Site:
    return Site(Options(1, 1, **options), root, root, LiveServer(root), small_disk=False)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Harness]:
    harness = make_harness("process", tmp_path)
    yield harness
    harness.close()


def started(compute: Harness) -> JobSpec:
    """A job with an orphan in a session of its own."""
    spec = compute.shell(f"""(setsid sh -c '{HEARTBEAT}' sh "$1" &); sleep 600""")
    compute.engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "beat").exists)
    return spec


def test_the_end_of_the_machine_is_that_of_all_jobs_of_one_storebase(
    compute: Harness, other: Harness, storebase: StoreBase
) -> None:
    mine, theirs = started(compute), started(other)
    site = site_of(storebase.root)
    assert {one.job for one in processes.all_of(site)} == {mine.name, ""}
    assert processes.operations(site) == []
    assert processes.kill_all(site) == {mine.name}
    assert processes.all_of(site) == []
    assert not still_changes(compute.outgoing(mine) / "beat")
    ended = compute.engine.info(mine.name)
    assert (ended.status, ended.interrupted) == (JobStatus.FAILED, True)
    assert other.engine.info(theirs.name).status is JobStatus.STARTED
    assert still_changes(other.outgoing(theirs) / "beat")


@pytest.mark.parametrize("storage", ["zipfile", "fslink"])
def test_what_cannot_strike_says_why(tmp_path: Path, storage: str) -> None:
    missing = impossible(site_of(tmp_path, storage=storage))
    assert set(missing) <= set(FAULTS)
    assert {"cut-store", "hang-store", "cut-engine"} <= set(missing)
    assert ("kill-operation" in missing) == (storage == "zipfile")
    assert all(missing.values())


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what comes, on one connection after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):  # cut
                    while piece := connection.recv(1000):
                        connection.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)


def test_a_store_that_hangs_accepts_and_is_silent_until_it_goes_on(echo: int) -> None:
    with StoreRelay(f"tcp://127.0.0.1:{echo}") as relay:
        relay.hold()
        with socket.create_connection(("127.0.0.1", relay.port), PATIENCE) as client:
            client.sendall(b"x")
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.recv(1)
            relay.let_go()
            client.settimeout(PATIENCE)
            assert client.recv(1) == b"x"


def test_a_store_that_hangs_can_be_cut_and_restored(echo: int) -> None:
    with StoreRelay(f"tcp://127.0.0.1:{echo}") as relay:
        relay.hold()
        with socket.create_connection(("127.0.0.1", relay.port), PATIENCE) as client:
            client.sendall(b"x")
            relay.cut()
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) in (b"", b"x")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", relay.port), PATIENCE)
        relay.restore()
        with socket.create_connection(("127.0.0.1", relay.port), PATIENCE) as client:
            client.sendall(b"y")
            assert client.recv(1) == b"y"
