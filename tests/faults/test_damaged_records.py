"""A database of records that can't be read: the service says so in one sentence, and what to do."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.live import LiveServer

from pfcon.records import Journal
from pfcon.records.database import connect


def sound(path: Path) -> bytes:
    """A database as pfcon makes it."""
    database = connect(None, path.parent)
    Journal(lambda: database).renew_lease()
    database.dispose()
    return path.read_bytes()


@pytest.mark.parametrize("damage", ["cut off", "overwritten", "texts that are none", "no database"])
def test_a_service_does_not_start_on_damaged_records(tmp_path: Path, damage: str) -> None:
    server = LiveServer(tmp_path / "storeBase")
    records = server.storebase / ".pfcon/records"
    records.mkdir(parents=True)
    path = records / "records.db"
    content = sound(path)
    path.write_bytes(
        {
            "cut off": content[: len(content) // 2 - 100],
            "overwritten": content[:100] + b"\x07" * 3996 + content[4096:],  # the first page, but for its header
            "texts that are none": content.replace(b'CREATE TABLE "jobs"', b'CREATE TABLE "\xff\xfe\xf0s"'),
            "no database": b"something else" * 1000,
        }[damage]
    )
    assert path.read_bytes() != content
    command = [sys.executable, "-m", "pfcon", "serve", "--bind", f"127.0.0.1:{server.port}"]
    ended = subprocess.run(
        command, env=server._environ(), capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path
    )
    assert ended.returncode == 1, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if "damaged" in line]
    assert "move its file away" in line
    assert "Traceback" not in ended.stderr
