"""A plugin keeps its outputs for itself, as tempfile.mkstemp does, and runs as another user than pfcon."""

import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.live import Api, LiveServer, make_zip, new_jid
from support.serving import URLS
from support.tcp_relay import TcpRelay

USER = 4321
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
# $1 is the output directory. What is closed is this user's own where the job runs as pfcon's user.
KEEP = """umask 022; echo all >"$1/all"; mkdir "$1/d"; umask 077; echo mine >"$1/d/tmp1"; mkdir "$1/own"
echo mine >"$1/own/tmp2"; chmod 0 "$1/own/tmp2" "$1/own" """
ENGINES = [pytest.param(name, marks=pytest.mark.engine(name)) for name in ("docker", "podman")]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to start a service as another user")


def python_for_all() -> tuple[tuple[str, ...], str]:
    """A Python that another user may run, and the PYTHONPATH with which it finds what pfcon needs."""
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join([here, *dict.fromkeys(sysconfig.get_paths()[name] for name in ("purelib", "platlib"))])
    for python in (sys.executable, "/usr/bin/python3"):
        words = (*AS_USER, python)
        try_it = [*words, "-c", f"import sys, pfcon.app; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"]
        if subprocess.run(try_it, env={"PYTHONPATH": path}, cwd="/", capture_output=True, check=False).returncode == 0:
            return words, path
    pytest.skip("no Python of this version that another user may run with what pfcon needs")


@contextmanager
def service(engine: str, **environ: str) -> Iterator[LiveServer]:
    """pfcon as another user than root, who has no way to read what root keeps for itself."""
    python, path = python_for_all()
    with tempfile.TemporaryDirectory(prefix="pfcon-faults-") as name, TcpRelay(URLS[engine]()) as relay:
        Path(name).chmod(0o755)
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        os.chown(storebase, USER, USER)
        settings = {"CONTAINER_ENV": engine, "DOCKER_HOST": f"tcp://{relay.url}", "PYTHONPATH": path, "HOME": "/"}
        with LiveServer(storebase, {**settings, **environ}, python=python) as server:
            yield server


@pytest.mark.parametrize("engine", ENGINES)
def test_what_can_t_be_read_is_named_at_the_end_and_before_the_first_byte(engine: str) -> None:
    with service(engine) as server:
        api, jid = Api(server.url), new_jid()
        assert api.submit(jid, KEEP, make_zip({"a": "alpha"})).status_code == 201
        ended = api.wait(jid)
        assert ended["status"] == "finishedSuccessfully"
        assert f"2 of the outputs can't be read by pfcon, which runs as user {USER}: " in ended["message"]
        assert "'d/tmp1'" in ended["message"]
        assert "'own'" in ended["message"]
        answer = api.get(f"jobs/{jid}/file/")
        assert (answer.status_code, answer.headers["Content-Type"]) == (409, "application/json")
        assert "2 of the outputs can't be read" in answer.json()["message"]
        assert "CONTAINER_USER" in answer.json()["message"]
        outputs = server.storebase / f"key-{jid}" / "outgoing"
        for path in (outputs / "d" / "tmp1", outputs / "own", outputs / "own" / "tmp2"):
            path.chmod(0o755)
        assert api.unzip(jid) == {"all": b"all\n", "d/tmp1": b"mine\n", "own/tmp2": b"mine\n"}
        assert "2 of the outputs" in api.wait(jid)["message"]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_belongs_to_pfcon_is_given_whatever_its_mode(engine: str) -> None:
    with service(engine, CONTAINER_USER=f"{USER}:{USER}") as server:
        api, jid = Api(server.url), new_jid()
        assert api.submit(jid, KEEP, make_zip({"a": "alpha"})).status_code == 201
        ended = api.wait(jid)
        assert (ended["status"], ended["message"]) == ("finishedSuccessfully", "")
        assert api.unzip(jid) == {"all": b"all\n", "d/tmp1": b"mine\n", "own/tmp2": b"mine\n"}
        assert api.delete(f"jobs/{jid}/").status_code == 204


@pytest.mark.parametrize("engine", ENGINES)
def test_a_download_whose_first_file_can_t_be_read_is_an_error_and_no_broken_zip(engine: str) -> None:
    """What was closed after the job's end, which has told nothing of it."""
    with service(engine, PFCON_THREADS="8", PFCON_WORKERS="1") as server:
        api, jid = Api(server.url), new_jid()
        assert api.submit(jid, 'echo all >"$1/all"', make_zip({"a": "alpha"})).status_code == 201
        assert api.wait(jid)["message"] == ""
        made = server.storebase / f"key-{jid}" / "outgoing" / "all"
        made.chmod(0o600)
        for _ in range(10):  # none of them keeps what it has of the service
            answer = api.get(f"jobs/{jid}/file/")
            assert (answer.status_code, answer.json()) == (503, {"message": "can't read 'all': Permission denied"})
        made.chmod(0o644)
        assert api.unzip(jid) == {"all": b"all\n"}
