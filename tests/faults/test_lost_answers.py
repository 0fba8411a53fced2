"""An engine that begins a job, and whose answer is lost: the job is found there, and has run once."""

import os
import socket
from pathlib import Path

import pytest
from support.engines import docker_url, podman_url, swarm_url
from support.live import Api, StartServer, make_zip, new_jid
from support.readable import readable
from support.relay import Relay

ZIP = make_zip({"a": "b"})
URLS = {"docker": docker_url, "podman": podman_url, "swarm": swarm_url}
# Which answer is lost: that to the request whose first line holds this text.
ANSWERS = [
    ("docker", b"/containers/create"),
    ("docker", b"/start "),
    ("podman", b"/containers/create"),
    ("podman", b"/start "),
    ("swarm", b"/services/create"),
]


class ForgetfulRelay(Relay):
    """Lets requests through and, where their first line holds ``text``, loses the answer and the connection."""

    text = b""
    lost = 0

    def pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """See AnyRelay."""
        other = {client: server, server: client}
        armed = False
        while True:
            for source in readable([client, server]):
                piece = source.recv(65536)
                if source is client and self.text and self.text in piece.partition(b"\r\n")[0]:
                    armed = True
                if source is server and armed:
                    self.lost += 1
                    return
                if not piece:
                    return
                other[source].sendall(piece)


@pytest.mark.parametrize(("engine", "text"), ANSWERS)
def test_a_job_whose_beginning_was_not_answered_runs_once(
    engine: str, text: bytes, start_server: StartServer, tmp_path: Path
) -> None:
    with ForgetfulRelay(URLS[engine](), tmp_path / "engine.sock") as relay:
        server = start_server(engine, DOCKER_HOST=relay.url, PFCON_WORKERS="1")
        api, first, jid = Api(server.url), new_jid(), new_jid()
        assert api.submit(first, "true", ZIP).status_code == 201  # this process has tried the engine's storeBase now
        relay.text = text
        script = 'date +%s%N > "$1/$(cat /proc/sys/kernel/random/uuid)"'
        answer = api.submit(jid, script, ZIP)
        relay.text = b""
        assert relay.lost
        assert answer.status_code == 201, answer.text
        compute = answer.json()["compute"]
        assert compute["status"] == "notStarted"
        assert "may have been created; asking again" in compute["message"]
        assert api.wait(jid)["status"] == "finishedSuccessfully"
        assert len(os.listdir(server.storebase / f"key-{jid}/outgoing")) == 1
        for done in (first, jid):
            assert api.delete(f"jobs/{done}/").status_code == 204
