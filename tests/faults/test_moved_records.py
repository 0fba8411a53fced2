"""The records move to another database while jobs run: nothing is lost."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from support.live import Api, LiveServer, StartServer, make_zip, new_jid
from support.postgresql import own_schema

from pfcon.testing.waiting import PATIENCE, eventually

ENGINES = ["process", pytest.param("docker", marks=pytest.mark.engine("docker"))]
WAITS = 'echo begun; until test -e "$1/go"; do sleep 0.05; done; echo "with $TOKEN" | wc -c; cp "$0/a" "$1/out"'
ENDS = 'echo ended; cp "$0/a" "$1/out"'
URL = "PFCON_DATABASE_URL"


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of an empty PostgreSQL."""
    with own_schema() as url:
        yield url


def remove(server: LiveServer, jid: str) -> None:
    Api(server.url).delete(f"jobs/{jid}/")


def records(server: LiveServer, *words: str) -> str:
    """``pfcon records`` with the settings of a server; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pfcon", "records", *words],
        env=server._environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def submit(api: Api, jid: str, script: str, secret: str = "") -> requests.Response:
    env = {"env": [f"TOKEN={secret}"]} if secret else {}
    return api.submit(jid, script, make_zip({"a": "content"}), **env)


def use(server: LiveServer, url: str | None) -> None:
    """Have the next start use this database."""
    server.environ.pop(URL, None)
    if url is not None:
        server.environ[URL] = url


@pytest.mark.parametrize("to_postgresql", [True, False])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_running_job_goes_on_and_an_ended_one_keeps_its_outputs(
    engine: str, to_postgresql: bool, start_server: StartServer, postgresql: str, tmp_path: Path
) -> None:
    source, target = (None, postgresql) if to_postgresql else (postgresql, None)
    server = start_server(engine, **({URL: source} if source else {}))
    api, secret = Api(server.url), "s3cret-" + new_jid()
    running, ended = new_jid(), new_jid()
    with ExitStack() as stack:
        for jid in (running, ended):
            stack.callback(remove, server, jid)
        assert submit(api, ended, ENDS).status_code == 201
        assert api.wait(ended)["status"] == "finishedSuccessfully"
        assert submit(api, running, WAITS, secret).status_code == 201
        assert eventually(lambda: "begun" in api.get(f"jobs/{running}/").json()["compute"]["logs"])
        before = {jid: api.get(f"jobs/{jid}/").json()["compute"] for jid in (running, ended)}
        file = tmp_path / "records.jsonl"
        assert server.stop() == 0
        records(server, "export", str(file))
        assert secret not in file.read_text()
        use(server, target)
        records(server, "import", str(file))
        listed = records(server, "list")
        assert {line.split()[0]: line.split()[2] for line in listed.splitlines()} == {
            running: "started",
            ended: "finishedSuccessfully",
        }
        server.start()
        api = Api(server.url)
        assert api.get(f"jobs/{ended}/").json()["compute"] == before[ended]
        assert api.unzip(ended)["out"] == b"content"
        for jid, script, env in ((running, WAITS, secret), (ended, ENDS, "")):
            again = submit(api, jid, script, env)
            assert again.status_code in (200, 201), again.text
            created = [api.get(f"jobs/{jid}/").json()["compute"].get("created"), before[jid].get("created")]
            assert created[0] == created[1]
        compute = api.get(f"jobs/{running}/").json()["compute"]
        assert (compute["status"], compute["logs"].count("begun")) == ("started", 1)
        (server.storebase / f"key-{running}" / "outgoing" / "go").touch()
        done = api.wait(running)
        assert done["status"] == "finishedSuccessfully"
        assert done["logs"].split() == ["begun", str(len(f"with {secret}\n"))]
        assert api.unzip(running)["out"] == b"content"
        other = submit(api, ended, WAITS)
        assert other.status_code == 409, other.text
