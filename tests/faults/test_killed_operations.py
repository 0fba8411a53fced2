"""SIGKILL of the service, and of an operation's own process, at random moments: the operation ends well in the end, and
nothing half is taken for whole."""

import contextlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from support.live import LiveServer, StartServer
from support.staged import INNETWORK, StagedJob

FILES, LARGE = 400, 40_000_000  # bytes


@pytest.fixture
def server(start_server: StartServer) -> LiveServer:
    """An fslink server with something to copy that takes a moment."""
    server = start_server("process", **INNETWORK)
    data = server.storebase / "home/bob/data"
    for number in range(FILES):
        path = data / f"d{number % 9}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n" * 50)
    for number in range(3):
        (data / f"large{number}").write_bytes(os.urandom(1000) * (LARGE // 1000))
    return server


def trees_are_equal(job: StagedJob) -> bool:
    """Whether what is staged is what the user has."""
    source, staged = job.live.storebase / job.input_dir, job.key / "incoming"
    names = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    there = {str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file()}
    return names == there and all((source / name).read_bytes() == (staged / name).read_bytes() for name in names)


def check_copy(job: StagedJob, ended: dict[str, str]) -> None:
    """A copy job that says that it ended well did; one whose POST was interrupted before it was scheduled did not."""
    if ended["status"] == "finishedSuccessfully":
        assert trees_are_equal(job)
    else:
        assert (ended["status"], "run it again" in ended["message"]) == ("undefined", True), ended
        assert not (job.key / "incoming").exists()
    assert job.wait("copy") == ended


def seconds_of(action: Callable[[], object]) -> float:
    """How long something takes here that nobody disturbs."""
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


def aim(job: StagedJob, kind: str, span: float) -> float:
    """In what time to kill the next operation, where no process was found to kill in this one; seconds."""
    ended = job.get(kind).json()["compute"]["status"].startswith("finished")
    return span * (0.6 if ended else 1.5)  # else it had not begun


@pytest.mark.slow
def test_a_copy_job_survives_kills_of_its_process(server: LiveServer) -> None:
    whole = seconds_of(StagedJob(server).copied)
    dice = random.Random(3)
    rounds = killed = 0
    while rounds < 12 or (killed < 4 and rounds < 40):
        rounds += 1
        job = StagedJob(server)
        assert job.copy().status_code == 201
        time.sleep(dice.uniform(0, whole))
        if job.kill_operation():
            killed += 1
        else:
            whole = aim(job, "copy", whole)
        ended = job.wait("copy")
        assert ended["status"] == "finishedSuccessfully", ended
        assert trees_are_equal(job)
        job.delete()
        assert job.wait("delete")["status"] == "finishedSuccessfully"
    assert killed >= 4, "most copies had ended before they were killed: the test shows less than it says"


@pytest.mark.slow
def test_copy_and_delete_jobs_survive_kills_of_the_service(server: LiveServer) -> None:
    dice = random.Random(4)
    for _ in range(12):
        job = StagedJob(server)
        with contextlib.suppress(requests.RequestException):
            job.copy()
            time.sleep(dice.uniform(0, 0.25))
        server.kill()
        server.start()
        if job.get("copy").status_code == 200:
            check_copy(job, job.wait("copy"))
        assert job.copied()["status"] == "finishedSuccessfully"
        assert trees_are_equal(job)
        assert job.delete().status_code == 201
        time.sleep(dice.uniform(0, 0.15))
        server.kill()
        server.start()
        ended = job.wait("delete")
        assert ended["status"] == "finishedSuccessfully", ended
        assert not job.key.exists()


@pytest.mark.slow
def test_a_delete_job_survives_kills_of_its_process(server: LiveServer) -> None:
    first = job_of_many_files(server)
    whole = seconds_of(lambda: first.delete() and first.wait("delete"))
    dice = random.Random(6)
    rounds = killed = 0
    while rounds < 6 or (killed < 2 and rounds < 30):
        rounds += 1
        job = job_of_many_files(server)
        assert job.delete().status_code == 201
        time.sleep(dice.uniform(0, whole))
        if job.kill_operation():
            killed += 1
        else:
            whole = aim(job, "delete", whole)
        ended = job.wait("delete")
        assert ended["status"] == "finishedSuccessfully", ended
        assert not job.key.exists()
    assert killed >= 2, "most deletions had ended before they were killed: the test shows less than it says"


def job_of_many_files(server: LiveServer) -> StagedJob:
    """A job whose deletion takes a moment."""
    job = StagedJob(server)
    assert job.copied()["status"] == "finishedSuccessfully"
    make_many(job.key / "outgoing", 3000)
    return job


def make_many(root: Path, count: int) -> None:
    for number in range(count):
        path = root / f"{number // 500}" / f"{number}"
        if number % 500 == 0:
            path.parent.mkdir(parents=True)
        path.touch()


@pytest.mark.slow
def test_a_hundred_thousand_files_are_deleted_in_the_background(server: LiveServer) -> None:
    job = StagedJob(server)
    assert job.copied()["status"] == "finishedSuccessfully"
    make_many(job.key / "outgoing", 100_000)
    locked = job.key / "outgoing" / "locked"
    locked.mkdir()
    (locked / "f").touch()
    locked.chmod(0o500)
    precious = server.storebase / "home/bob/precious"
    precious.mkdir()
    (precious / "f").touch()
    (job.key / "outgoing" / "link").symlink_to(precious)
    answer = job.delete()
    assert answer.status_code == 201, answer.text
    # It has ended already where this service's thread had to wait for its turn.
    assert answer.json()["compute"]["status"] in ("notStarted", "started", "finishedSuccessfully")
    ended = job.wait("delete")
    assert ended["status"] == "finishedSuccessfully", ended
    assert int(ended["message"].split()[1]) >= 100_000
    assert not job.key.exists()
    assert (precious / "f").exists()


def test_a_delete_job_is_refused_while_others_are_active_where_the_settings_say_so(
    start_server: StartServer,
) -> None:
    server = start_server("process", **INNETWORK, PFCON_DELETE_ACTIVE="refuse")
    (server.storebase / "home/bob/data").mkdir(parents=True)
    job = StagedJob(server)
    job.copied()
    job.plugin('until test -e "$1/go"; do sleep 0.05; done')
    refused = job.delete()
    assert refused.status_code == 409
    assert "plugin" in refused.json()["message"]
    (server.storebase / job.output_dir / "go").touch()
    assert job.wait("plugin")["status"] == "finishedSuccessfully"
    assert job.delete().status_code == 201
    assert job.wait("delete")["status"] == "finishedSuccessfully"
