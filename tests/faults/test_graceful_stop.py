"""SIGTERM: running transfers end first, jobs go on."""

import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import requests
from support.live import Api, StartServer, make_zip, new_jid
from support.ports import free_port

import pfcon
from pfcon.testing.waiting import PATIENCE, eventually

SIZE = 60_000_000
BIG = f'head -c {SIZE} /dev/urandom > "$1/big"'


def test_a_download_that_runs_when_the_service_is_stopped_ends_whole(start_server: StartServer) -> None:
    server = start_server(PFCON_GRACEFUL_TIMEOUT="120")
    api = Api(server.url)
    jid = new_jid()
    api.submit(jid, BIG, make_zip({"a": "b"}))
    api.wait(jid)
    got = 0
    with requests.get(f"{server.url}jobs/{jid}/file/", headers=api.headers, stream=True, timeout=PATIENCE) as answer:
        pieces = answer.iter_content(1_000_000)
        got += len(next(pieces))
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(0.5)
        got += sum(len(piece) for piece in pieces)  # raises when the answer is cut short
    stopping.join()
    assert got > SIZE


BROKEN = """
import sys
from pfcon import __main__, server
start = server._start_worker
def fail(worker):
    start(worker)
    raise RuntimeError("broken on purpose")
server._start_worker = fail
sys.exit(__main__.main(sys.argv[1:]))
"""


def test_a_worker_that_ends_with_a_fault_says_so(tmp_path: Path) -> None:
    environ = {"PYTHONPATH": str(Path(pfcon.__file__).parents[1]), "APPLICATION_MODE": "development"}
    environ |= {"CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(tmp_path), "PATH": os.environ["PATH"]}
    environ["PFCON_WORKERS"] = "1"  # of two that fail at once, gunicorn stumbles over the second and ends with 1
    command = [sys.executable, "-c", BROKEN, "serve", "--bind", f"127.0.0.1:{free_port()}"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 3, done.stderr  # gunicorn's for workers that fail to boot
    assert "Worker failed to boot" in done.stderr


def test_a_stop_does_not_wait_for_a_client_that_does_not_read(start_server: StartServer) -> None:
    server = start_server(PFCON_GRACEFUL_TIMEOUT="2")
    api = Api(server.url)
    jid = new_jid()
    api.submit(jid, BIG, make_zip({"a": "b"}))
    api.wait(jid)
    with requests.get(f"{server.url}jobs/{jid}/file/", headers=api.headers, stream=True, timeout=PATIENCE):
        server.stop()  # raises after PATIENCE; PFCON_IDLE_TIMEOUT is five minutes


def test_a_transfer_that_moves_no_byte_is_ended(start_server: StartServer) -> None:
    server = start_server(PFCON_IDLE_TIMEOUT="5", PFCON_THREADS="8", PFCON_WORKERS="1")
    api = Api(server.url)
    jid = new_jid()
    api.submit(jid, BIG, make_zip({"a": "b"}))
    api.wait(jid)
    url = f"{server.url}jobs/{jid}/file/"
    with ExitStack() as stack:
        answers: list[requests.Response] = []  # none is read

        def download() -> int:
            answer = requests.get(url, headers=api.headers, stream=True, timeout=PATIENCE)
            answers.append(stack.enter_context(answer))
            return answer.status_code

        assert eventually(lambda: download() == 503)  # all slots for transfers are taken
        assert answers[-1].headers["Retry-After"]
        assert answers[0].status_code == 200
        assert api.get(f"jobs/{jid}/").status_code == 200
        assert eventually(lambda: download() == 200)


def test_a_job_goes_on_over_a_stop(start_server: StartServer) -> None:
    server = start_server()
    jid = new_jid()
    Api(server.url).submit(jid, 'until test -e "$1/go"; do sleep 0.05; done; echo done', make_zip({"a": "b"}))
    server.stop()
    (server.storebase / f"key-{jid}" / "outgoing" / "go").touch()
    server.start()
    assert Api(server.url).wait(jid)["logs"] == "done\n"
