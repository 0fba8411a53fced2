"""Records that a newer release has changed: the service says so in one sentence, and never serves half of its work."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from support.live import Api, LiveServer

from pfcon.records.versions import CURRENT
from pfcon.testing.waiting import eventually

REFUSED = f"has version {CURRENT + 1}, of a newer pfcon"


def set_version(storebase: Path, version: int, readable_by: int) -> None:
    """What a migration of another release leaves."""
    with sqlite3.connect(storebase / ".pfcon/records/records.db", timeout=30) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", (f"{version:04d}",))
        database.execute("UPDATE schema_info SET readable_by = ?", (readable_by,))
    database.close()


@pytest.fixture
def server(tmp_path: Path) -> LiveServer:
    storebase = tmp_path / "storeBase"
    storebase.mkdir()
    return LiveServer(storebase)


def test_a_service_does_not_start_on_newer_records(server: LiveServer) -> None:
    with server:
        pass
    set_version(server.storebase, CURRENT + 1, CURRENT + 1)
    for command in ("serve", "check"):
        ended = subprocess.run(
            [sys.executable, "-m", "pfcon", command], env=server._environ(), capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1, ended.stderr
        assert (ended.stdout + ended.stderr).count(REFUSED) == 1
        assert "Traceback" not in ended.stderr


def test_a_running_service_refuses_everything_while_its_records_are_newer(server: LiveServer) -> None:
    with server:
        api = Api(server.url)
        set_version(server.storebase, CURRENT + 1, CURRENT + 1)

        def answers(status: int) -> bool:
            """Whether each process of the server gives this status for both; requests reach either process."""
            asked = [requests.get(server.url + "health/", timeout=60) for _ in range(8)]
            asked += [api.get("pluginjobs/unknown/") for _ in range(8)]
            return {answer.status_code for answer in asked} == {status} and all(
                REFUSED in answer.json()["message"] for answer in asked if status == 503
            )

        assert eventually(lambda: answers(503))
        set_version(server.storebase, CURRENT, 1)
        assert eventually(lambda: requests.get(server.url + "health/", timeout=60).json() == {"health": "OK"})
        assert eventually(lambda: {api.get("pluginjobs/unknown/").status_code for _ in range(8)} == {404})
