"""SIGKILL of one of the service's processes, as the kernel does when memory runs out: the others go on, also with the
jobs of the killed one."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import requests
from support.engines import postgresql_url
from support.live import Api, LiveServer, StartServer, make_zip, new_jid

FILES = make_zip({f"d{n % 20}/f{n}": f"{n}" * 300 for n in range(3000)})


def workers(server: LiveServer) -> list[int]:
    """The processes that serve; the first of the service only looks after them."""
    assert server.process is not None
    first = server.process.pid
    return [int(pid) for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split()]


def worker_with_files_in(server: LiveServer, directory: Path) -> int:
    """The process that has a file below the directory open, as soon as one does. Fails after 30 seconds."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for pid in workers(server):
            with contextlib.suppress(OSError):  # files are closed while one looks
                for link in Path(f"/proc/{pid}/fd").iterdir():
                    if os.readlink(link).startswith(f"{directory}/"):
                        return pid
    raise AssertionError(f"no process opens files in {directory}")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_job_whose_process_was_killed_alone_is_told_and_can_be_completed(
    database: str, start_server: StartServer
) -> None:
    environ = {"PFCON_DATABASE_URL": postgresql_url()} if database == "postgresql" else {}
    server = start_server(**environ)
    api, jid = Api(server.url), new_jid()
    broken: list[requests.RequestException] = []

    def post() -> None:
        try:
            api.submit(jid, "echo ran", FILES)
        except requests.RequestException as error:
            broken.append(error)

    thread = threading.Thread(target=post)
    thread.start()
    os.kill(worker_with_files_in(server, server.storebase / f"key-{jid}"), signal.SIGKILL)
    thread.join()
    assert broken, "the POST had been answered before: the test shows nothing"
    ended = api.wait(jid)
    assert ended["status"] == "finishedWithError"
    assert "post it again" in ended["message"]
    assert not (server.storebase / f"key-{jid}").exists()
    assert api.submit(jid, "echo ran", FILES).status_code == 201
    assert api.wait(jid)["logs"] == "ran\n"
