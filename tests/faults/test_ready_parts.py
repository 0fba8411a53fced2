"""Each part of a service that is killed shows in ``ready/`` within 15 seconds, and so does its return."""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy
from support.live import LiveServer, StartServer
from support.object_stores import SWIFT_KEY, SWIFT_USER, ObjectServer
from support.relay import Relay
from support.serving import URLS
from support.small_disk import small_disk
from support.tcp_relay import TcpRelay

from pfcon.testing.waiting import PATIENCE, eventually

SHOWN = 15.0  # seconds
ENGINES = [pytest.param(name, marks=pytest.mark.engine(name)) for name in ("docker", "podman", "swarm")]


def ready(server: LiveServer, more: str = "") -> tuple[int, dict[str, Any]]:
    """The answer of ``ready/``, or of what is below it."""
    answer = requests.get(f"{server.url}ready/{more}", timeout=PATIENCE)
    return answer.status_code, answer.json()


def shows(server: LiveServer, part: str, cut: Callable[[], None], restore: Callable[[], None]) -> dict[str, Any]:
    """Cut a part off, and restore it; what ``ready/`` said about it meanwhile. All other parts work throughout."""
    assert eventually(lambda: ready(server)[0] == 200), ready(server)
    cut()
    parts: dict[str, Any] = {}

    def is_shown() -> bool:  # each process finds out by itself, so the next answer may be another one
        status, found = ready(server)
        parts.update(found)
        return not found[part]["ok"] and status == 503

    assert eventually(is_shown, SHOWN), f"{part} still counts as ready"
    assert requests.get(server.url + "health/", timeout=PATIENCE).status_code == 200
    restore()
    assert eventually(lambda: ready(server)[0] == 200, PATIENCE), ready(server)
    found: dict[str, Any] = parts[part]
    assert server.log_path.read_text().count(f"part does not work part={part}") >= 1
    return found


@pytest.mark.engine("postgresql")
def test_a_database_that_is_away_shows(start_server: StartServer, postgresql: str) -> None:
    """And nothing of its URL, which is a secret."""
    there = sqlalchemy.make_url(postgresql)
    with TcpRelay(f"tcp://{there.host}:{there.port}") as relay:
        url = there.set(host="127.0.0.1", port=relay.port).render_as_string(hide_password=False)
        server = start_server(PFCON_DATABASE_URL=url)
        assert "does not answer" in shows(server, "records", relay.cut, relay.restore)["message"]


def test_a_database_that_takes_no_more_writes_shows(start_server: StartServer) -> None:
    """Although it answers: nothing that happens could be recorded."""
    server = start_server()
    [file] = server.storebase.glob(".pfcon/records/records.db")
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:

        def execute(words: str) -> None:
            other.execute(words)

        found = shows(server, "records", partial(execute, "BEGIN IMMEDIATE"), partial(execute, "ROLLBACK"))
        assert "nothing could be written to it" in found["message"]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_is_away_shows(start_server: StartServer, engine: str, tmp_path: Path) -> None:
    """Although no job runs."""
    with Relay(URLS[engine](), tmp_path / "engine.sock") as relay:
        server = start_server(engine, DOCKER_HOST=relay.url)
        assert shows(server, "engine", relay.cut, relay.restore)["message"]


@pytest.mark.engine("swift")
def test_a_store_that_is_away_shows(start_server: StartServer, store_server: ObjectServer) -> None:
    """Copy jobs would wait for it."""
    user, _, _ = SWIFT_USER.partition("=")
    swift = {"SWIFT_AUTH_URL": store_server.auth_url, "SWIFT_USERNAME": user, "SWIFT_KEY": SWIFT_KEY}
    server = start_server(STORAGE_ENV="swift", PFCON_INNETWORK="true", SWIFT_CONTAINER_NAME="users", **swift)
    assert shows(server, "storage", store_server.kill, store_server.start)["message"]


def test_a_storebase_whose_directory_is_another_one_shows_and_stays_empty(start_server: StartServer) -> None:
    """As where its file system is not mounted any more; the records are elsewhere. It gets no requests then."""
    server = start_server(PFCON_DATABASE_URL=f"sqlite:///{tempfile.mkdtemp(prefix='pfcon-faults-')}/records.db")
    root, away = server.storebase, server.storebase.with_name("away")

    def unmount() -> None:
        root.rename(away)
        root.mkdir()
        assert eventually(lambda: not ready(server)[1]["storebase"]["ok"])
        assert eventually(lambda: ready(server, "traffic/")[0] == 503)  # each process finds out by itself

    def mount() -> None:
        assert list(root.iterdir()) == []
        root.rmdir()
        away.rename(root)

    assert "another file system" in shows(server, "storebase", unmount, mount)["message"]
    assert eventually(lambda: ready(server, "traffic/")[0] == 200)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_storebase_shows(tmp_path: Path) -> None:
    """Before a job finds out; it still gets requests, for clients must be able to delete jobs."""
    with (
        small_disk(tmp_path / "storeBase", "tmpfs", 80) as disk,
        LiveServer(disk.path, {"PFCON_MIN_FREE_BYTES": "8 MiB"}) as server,
    ):

        def fill() -> None:
            disk.fill()
            assert eventually(lambda: not ready(server)[1]["storebase"]["ok"])
            assert ready(server, "traffic/")[0] == 200

        message = shows(server, "storebase", fill, disk.empty)["message"]
        assert message == "can't be written: No space left on device" or "must stay free" in message
