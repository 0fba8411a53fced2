"""``pfcon records`` as an administrator types it."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.records import add, job_row, place_row, rows_of

import pfcon
from pfcon.models import JobKind
from pfcon.records.database import connect
from pfcon.testing.waiting import PATIENCE

DAY = 24 * 3600.0


def command(storebase: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "pfcon", "records", *words]


def environ(storebase: Path) -> dict[str, str]:
    settings = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(storebase)}
    return {"PYTHONPATH": str(Path(pfcon.__file__).parents[1]), "PATH": "/usr/bin:/bin", **settings}


def run(storebase: Path, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """``pfcon records`` with these words, in a directory beside storeBase."""
    return subprocess.run(
        command(storebase, *words),
        env=environ(storebase),
        cwd=storebase.parent,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A storeBase without records."""
    path = tmp_path / "storeBase"
    path.mkdir()
    return path


@pytest.fixture
def records(root: Path) -> Iterator[Engine]:
    """Its records: one job that has ended long ago, one that has ended now, and one that runs."""
    directory = root / ".pfcon" / "records"
    directory.mkdir(parents=True)
    engine = connect(None, directory)
    now = time.time()
    long_ago: dict[str, Any] = {"created_at": 1764455000.5, "finished_at": 1764455061.5, "auid": "ann", "image": "i:1"}
    add(
        engine,
        [
            job_row("long-ago", **long_ago, logs="a log"),
            job_row("now", JobKind.COPY, created_at=now - 1, auid="x\x1b[2J\ny"),
            job_row("runs", phase="scheduled", status="started", finished_at=None, created_at=now),
        ],
    )
    yield engine
    engine.dispose()


def jids(engine: Engine) -> list[str]:
    return [row["jid"] for row in rows_of(engine)[0]]


@pytest.mark.parametrize("words", [[], ["list"], ["export"], ["import"], ["prune"]])
def test_help_is_given(root: Path, words: list[str]) -> None:
    done = run(root, *words, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: pfcon records")


def test_the_list_has_a_line_for_each_record(root: Path, records: Engine) -> None:
    done = run(root, "list")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["runs", "plugin", "started"],
        ["now", "copy", "finishedSuccessfully"],
        ["long-ago", "plugin", "finishedSuccessfully"],
    ]
    assert lines[2].split()[3:] == ["2025-11-29T22:23:20Z", "2025-11-29T22:24:21Z", "ann", "i:1"]
    assert lines[0].split()[4:] == ["-", "-", "-"]
    assert "x\\x1b[2J\\ny" in lines[1]


def test_the_list_as_json(root: Path, records: Engine) -> None:
    done = run(root, "list", "--json", "--owner", "ann", "--status", "finishedSuccessfully", "--kind", "plugin")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {
            "jid": "long-ago",
            "kind": "plugin",
            "status": "finishedSuccessfully",
            "created": "2025-11-29T22:23:20Z",
            "finished": "2025-11-29T22:24:21Z",
            "owner": "ann",
            "image": "i:1",
        }
    ]
    assert len(run(root, "list", "--limit", "2").stdout.splitlines()) == 2


def test_a_reader_of_the_list_may_end_early(root: Path, records: Engine) -> None:
    add(records, [job_row(f"j{number}", image="i" * 1000) for number in range(1000)])
    with subprocess.Popen(
        command(root, "list"), env=environ(root), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        done.stdout.readline()
        done.stdout.close()
        assert done.stderr.read() == b""
        assert done.wait(PATIENCE) == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["drop"],
        ["list", "--status", "good"],
        ["list", "--kind", "move"],
        ["list", "--limit", "0"],
        ["list", "--limit", "-1"],
        ["import"],
        ["prune"],
        ["prune", "--older-than", "soon"],
        ["prune", "--older-than", "-1"],
        ["prune", "--older-than", "nan"],
        ["prune", "--older-than", "inf"],
    ],
)
def test_wrong_words_are_usage_errors(root: Path, records: Engine, words: list[str]) -> None:
    done = run(root, *words)
    assert done.returncode == 2
    assert "usage: pfcon records" in done.stderr
    assert len(jids(records)) == 3


@pytest.mark.parametrize("words", [["list"], ["export"], ["prune", "--older-than", "1"]])
def test_a_storebase_without_records_is_an_error_that_names_the_settings(root: Path, words: list[str]) -> None:
    done = run(root, *words)
    assert done.returncode == 1
    assert done.stderr.startswith(f"pfcon records {words[0]}: there are no records in {root}")
    assert "PFCON_DATABASE_URL" in done.stderr
    assert list(root.iterdir()) == []


def test_an_export_is_imported_into_another_storebase(root: Path, records: Engine, tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    done = run(root, "export", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "exported 3 records\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other.mkdir()
    done = run(other, "import", str(file))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "imported 3 records")
    assert run(other, "list").stdout == run(root, "list").stdout
    again = run(other, "import", str(file))
    assert again.returncode == 1
    assert again.stderr.startswith("pfcon records import: the database is not empty, it has records already (3)")
    merged = run(other, "import", "--merge", str(file))
    assert merged.stderr == "imported 0 records; 3 skipped, because the database already had them\n"


def test_an_export_goes_through_a_pipe(root: Path, records: Engine, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    done = run(other, "import", "-", text=run(root, "export").stdout)
    assert done.returncode == 0, done.stderr
    assert run(root, "export", "-").stdout.splitlines()[1:] == run(other, "export").stdout.splitlines()[1:]


def test_an_export_that_fails_leaves_the_file_of_the_last_one(root: Path, records: Engine, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("the last one")
    with records.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET logs = CAST(x'ff' AS TEXT) WHERE jid = 'runs'")
    done = run(root, "export", str(file))
    assert done.returncode == 1
    assert "Could not decode" in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_text() == "the last one"
    assert sorted(os.listdir(tmp_path)) == ["file", "storeBase"]


def test_a_pipe_as_the_file_stays_a_pipe(root: Path, records: Engine, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(command(root, "export", str(pipe)), env=environ(root), stderr=subprocess.PIPE) as done:
        assert len(pipe.read_text().splitlines()) == 4
        assert done.wait(PATIENCE) == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_file_that_cannot_be_written_or_read_is_named(root: Path, records: Engine) -> None:
    for action in ("export", "import"):
        done = run(root, action, "/no/such/file")
        assert done.returncode == 1
        assert done.stderr.startswith(f"pfcon records {action}: ")
        assert "No such file or directory" in done.stderr


def test_pruning_is_a_dry_run_first(root: Path, records: Engine) -> None:
    done = run(root, "prune", "--older-than", "1")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["long-ago"]
    assert done.stderr == "would delete 1 record of jobs that ended more than 1 days ago: add --yes to do it\n"
    assert jids(records) == ["long-ago", "now", "runs"]


def test_every_deletion_is_logged(root: Path, records: Engine) -> None:
    data = root / "key-long-ago"
    data.mkdir()
    done = run(root, "prune", "--older-than", "0", "--yes")
    assert done.returncode == 0
    logged = [line.partition("deleted the record of job ")[2] for line in done.stderr.splitlines()[:-1]]
    assert sorted(line.partition(":")[0] for line in logged) == ["long-ago (plugin)", "now (copy)"]
    assert done.stderr.splitlines()[-1].startswith("deleted 2 records; the data of these jobs")
    assert jids(records) == ["runs"]
    assert data.is_dir()


@pytest.mark.parametrize("words", [[], ["--yes"]])
def test_pruning_says_how_many_records_are_kept_because_a_directory_is_in_use(
    root: Path, records: Engine, words: list[str]
) -> None:
    add(
        records,
        [job_row("holds", finished_at=1e9), job_row("holds", JobKind.COPY, finished_at=1e9)],
        [place_row("holds", "d")],
    )
    done = run(root, "prune", "--older-than", "1", *words)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1].startswith("kept 2 records: a job of the same jid may still use directories")
    assert jids(records) == ["holds", "holds", *([] if words else ["long-ago"]), "now", "runs"]
