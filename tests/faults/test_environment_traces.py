"""A job's environment may hold a user's token: once the job has ended, nothing on disk has it."""

import contextlib
import os
import uuid
from pathlib import Path

import pytest
from support.live import Api, LiveServer, StartServer, make_zip, new_jid
from support.slurm import slurm_environ

from pfcon.testing.waiting import eventually

ENGINES = [
    "process",
    pytest.param("docker", marks=pytest.mark.engine("docker")),
    pytest.param("slurm", marks=pytest.mark.engine("slurm")),
]
SHOW = 'test -n "$SECRET" && printf %s "$SECRET" | wc -c; until test -e "$1/go"; do sleep 0.05; done'


def traces(root: Path, text: str) -> list[str]:
    """The files below a directory that hold a text."""
    found = []
    for directory, _, names in os.walk(root):  # which goes on where one is removed meanwhile
        for path in (Path(directory, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and text.encode() in path.read_bytes():
                    found.append(str(path.relative_to(root)))
    return found


def start(engine: str, start_server: StartServer) -> LiveServer:
    """A service of an engine."""
    return start_server(engine, **(slurm_environ() if engine == "slurm" else {}))


def submit(api: Api, secret: str) -> str:
    """Post a job that waits for a file ``go`` among its outputs."""
    jid = new_jid()
    answer = api.submit(jid, SHOW, make_zip({"a": "x"}), env=[f"SECRET={secret}", "OTHER=1"])
    assert answer.status_code == 201, answer.text
    return jid


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_below_storebase_has_the_environment_of_a_job_that_has_ended(
    engine: str, start_server: StartServer
) -> None:
    server = start(engine, start_server)
    api, secret = Api(server.url), uuid.uuid4().hex
    jid = submit(api, secret)
    assert eventually(lambda: api.get(f"jobs/{jid}/").json()["compute"]["status"] == "started")
    (server.storebase / f"key-{jid}" / "outgoing" / "go").touch()
    ended = api.wait(jid)
    assert (ended["status"], ended["logs"].strip()) == ("finishedSuccessfully", "32")
    assert traces(server.storebase, secret) == []
    assert api.delete(f"jobs/{jid}/").status_code == 204
    assert traces(server.storebase, secret) == []


@pytest.mark.parametrize("end", ["refused", "deleted"])
def test_nothing_has_the_environment_of_a_job_that_never_ran(end: str, start_server: StartServer) -> None:
    server = start_server()
    api, secret, jid = Api(server.url), uuid.uuid4().hex, new_jid()
    gpus = 1 if end == "refused" else 0  # which the engine can't give
    answer = api.submit(jid, "sleep 600", make_zip({"a": "x"}), env=[f"SECRET={secret}"], gpu_limit=gpus)
    assert answer.status_code == (400 if gpus else 201)
    if not gpus:
        assert api.delete(f"jobs/{jid}/").status_code == 204
    assert traces(server.storebase, secret) == []


def test_environments_that_a_crash_has_left_are_swept(start_server: StartServer) -> None:
    server = start_server()
    left = server.storebase / ".pfcon" / "environments" / f"{new_jid()}+{uuid.uuid4().hex}"
    left.parent.mkdir(mode=0o700, exist_ok=True)
    left.write_text('[["SECRET", "x"]]')
    assert eventually(lambda: not left.exists())
