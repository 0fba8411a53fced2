"""SIGKILL of one of the service's processes, as the kernel does when memory runs out: the others go on, also with the
jobs of the killed one."""

import contextlib
import os
import signal
import threading
from pathlib import Path

import pytest
import requests
from support.live import Api, LiveServer, StartServer, make_zip, new_jid

FILES = make_zip({f"d{n % 20}/f{n}": f"{n}" * 300 for n in range(3000)})


def has_files_in(pid: int, directory: Path) -> bool:
    """Whether a process has a file below the directory open."""
    with contextlib.suppress(OSError):  # files are closed while one looks
        return any(os.readlink(link).startswith(f"{directory}/") for link in Path(f"/proc/{pid}/fd").iterdir())
    return False


def post_and_kill(server: LiveServer, jid: str) -> bool:
    """POST a job, and kill the process that stages it as soon as it is seen; whether that broke the POST."""
    broken: list[requests.RequestException] = []

    def post() -> None:
        try:
            Api(server.url).submit(jid, "echo ran", FILES)
        except requests.RequestException as error:
            broken.append(error)

    thread = threading.Thread(target=post)
    thread.start()
    killed = False
    while thread.is_alive() and not killed:
        for pid in server.worker_pids:
            if has_files_in(pid, server.storebase / f"key-{jid}"):
                os.kill(pid, signal.SIGKILL)
                killed = True
    thread.join()
    return bool(broken)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_job_whose_process_was_killed_alone_is_told_and_can_be_completed(
    database: str, start_server: StartServer, request: pytest.FixtureRequest
) -> None:
    environ = {"PFCON_DATABASE_URL": request.getfixturevalue("postgresql")} if database == "postgresql" else {}
    server = start_server(**environ)
    api = Api(server.url)
    for _ in range(5):  # on a busy machine a kill may come when all is staged
        jid = new_jid()
        if post_and_kill(server, jid) and (ended := api.wait(jid))["status"] == "finishedWithError":
            break
    else:
        pytest.fail("all kills came after the staging: the test shows nothing")
    assert "run it again" in ended["message"]
    assert not (server.storebase / f"key-{jid}").exists()
    assert api.submit(jid, "echo ran", FILES).status_code == 201
    assert api.wait(jid)["logs"] == "ran\n"
