"""A PFCON_DATABASE_URL that can't be used is told in a sentence, which has no password."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from support.records import add, job_row

from pfcon.records.database import UnusableUrl, connect
from pfcon.testing.waiting import PATIENCE

ADVICE = "use postgresql+psycopg://, and install pfcon's extra `postgresql` (docs/installation.md)"
UNUSABLE = {
    "postgresql+nothing://u:hush@127.0.0.1:9/db": f"SQLAlchemy knows no driver 'nothing': {ADVICE}",
    "postgresql://u:hush@127.0.0.1:port/db": "this is no URL of a database",
    "postgresql+psycopg://u:hush@127.0.0.1:9/db?nothing=1": "the driver does not accept it: invalid connection option",
}


@pytest.mark.parametrize(("url", "reason"), UNUSABLE.items(), ids=UNUSABLE)
def test_a_url_that_cannot_be_used_is_an_error_that_names_the_setting(url: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableUrl) as found:
        connect(url, tmp_path)
    assert str(found.value).startswith(f"PFCON_DATABASE_URL: {reason}")
    assert "hush" not in str(found.value)


def test_a_driver_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)  # so that it can't be imported
    with pytest.raises(UnusableUrl) as found:
        connect("postgresql+psycopg2://u:hush@127.0.0.1:9/db", tmp_path)
    assert str(found.value).startswith("PFCON_DATABASE_URL: its driver psycopg2 is not installed (")
    assert str(found.value).endswith(f"): {ADVICE}")


@pytest.mark.parametrize("words", [["check"], ["serve"], ["records", "list"]], ids=" ".join)
def test_no_command_ends_with_a_traceback(words: list[str], tmp_path: Path) -> None:
    (tmp_path / ".pfcon" / "records").mkdir(parents=True)
    settings = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "pfcon", *words],
        env={**os.environ, **settings, "PFCON_DATABASE_URL": "postgresql+nothing://u:hush@127.0.0.1:9/db"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "PFCON_DATABASE_URL: SQLAlchemy knows no driver 'nothing'" in said
    assert "Traceback" not in said
    assert "hush" not in said


def test_errors_of_statements_have_no_values(tmp_path: Path) -> None:
    """They end up in the log, and rows have commands and logs of jobs."""
    engine = connect(None, tmp_path)
    row = job_row("j1", logs="hush-value")
    add(engine, [row])
    with pytest.raises(IntegrityError) as found:
        add(engine, [row])
    engine.dispose()
    assert "hush-value" not in str(found.value)
