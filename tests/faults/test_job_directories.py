"""Nobody else of a host reaches what a job makes, whichever engine runs it and as whom."""

import os
import subprocess

import pytest
from support.live import Api, StartServer, make_zip, new_jid

from pfcon.testing.waiting import eventually

ENGINES = ["process", *(pytest.param(name, marks=pytest.mark.engine(name)) for name in ("docker", "podman"))]
LEAVE = 'cp "$0"/a "$1"; chmod 6755 "$1"/a; until test -e "$1"/go; do sleep 0.05; done'
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to act as several users")


@pytest.mark.parametrize("user", ["", "4321:4322"])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_outsider_reaches_no_output_and_no_privilege_is_left(
    engine: str, user: str, start_server: StartServer
) -> None:
    server = start_server(engine, CONTAINER_USER=user)
    api, jid = Api(server.url), new_jid()
    made = server.storebase / f"key-{jid}" / "outgoing" / "a"
    answer = api.submit(jid, LEAVE, make_zip({"a": "alpha"}))
    assert answer.status_code == 201, answer.text
    assert eventually(lambda: made.exists() and made.stat().st_mode & 0o7000 == 0o6000)
    assert outsider("cat", str(made)) != 0
    assert outsider("ls", str(made.parent)) != 0
    assert outsider("ls", str(server.storebase)) == 0  # the test shows something
    (made.parent / "go").touch()
    assert api.wait(jid)["status"] == "finishedSuccessfully"
    assert made.stat().st_mode & 0o7777 == 0o755
    assert api.unzip(jid)["a"] == b"alpha"
    assert api.delete(f"jobs/{jid}/").status_code == 204


def outsider(*words: str) -> int:
    """The exit status of a command of a user who has nothing to do with it."""
    return subprocess.run(words, user=1234, group=1234, extra_groups=[], capture_output=True, check=False).returncode
