"""Which engine make.sh takes, and what dev/engine_api.py asks of it."""

import importlib.util
import io
import socketserver
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.background import in_background
from support.shell import Bash

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKER = {
    "/version": (200, '{"Version": "20.10.24", "Components": [{"Name": "Engine", "Version": "20.10.24"}]}'),
    "/info": (200, '{"SecurityOptions": ["name=seccomp,profile=default"]}'),
}
COMPONENTS = '[{"Name": "Podman Engine", "Version": "4.3.1", "Details": {"APIVersion": "4.3.1"}}]'
PODMAN = {
    "/version": (200, f'{{"Version": "4.3.1", "Components": {COMPONENTS}}}'),
    "/v4.3.1/libpod/info": (
        200,
        '{"host": {"cgroupControllers": ["cpu", "memory", "pids"], "security": {"rootless": true}}}',
    ),
}
SWARM = {
    "/version": DOCKER["/version"],
    "/info": (200, '{"SecurityOptions": [], "Swarm": {"LocalNodeState": "active", "ControlAvailable": true}}'),
}
WITHOUT_LIMITS = '{"host": {"cgroupControllers": ["pids"], "security": {"rootless": true}}}'


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves fixed answers over a Unix socket, and remembers what was asked."""

    daemon_threads = True
    answers: dict[str, tuple[int, str]]
    asked: list[tuple[str, str]]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may go away before it has read all: a trace would turn up in whatever test runs just then."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        self.server.asked.append((self.command, self.path))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
        status, text = self.server.answers.get(urlsplit(self.path).path, (404, '{"message": "no such thing"}'))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - http.server's names

    def log_message(self, *words: Any) -> None:
        pass


@contextmanager
def engine(directory: Path, answers: dict[str, tuple[int, str]]) -> Iterator[Server]:
    """An engine at ``directory/sock``."""
    server = Server(str(directory / "sock"), Handler)
    server.answers, server.asked = answers, []
    with in_background(server):
        yield server


@pytest.fixture
def api() -> ModuleType:
    spec = importlib.util.spec_from_file_location("engine_api", REPOSITORY / "dev/engine_api.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_probe_tells_docker_from_podman_and_rootless_from_rootful_and_what_it_cannot_limit(
    api: ModuleType, tmp_path: Path
) -> None:
    url = f"unix://{tmp_path}/sock"
    with engine(tmp_path, DOCKER):
        assert api.probe(url) == "docker 20.10.24 rootful"
    (tmp_path / "sock").unlink()
    with engine(tmp_path, SWARM):
        assert api.probe(url) == "docker 20.10.24 rootful, manager of a Swarm"
    (tmp_path / "sock").unlink()
    with engine(tmp_path, PODMAN):
        assert api.probe(url) == "podman 4.3.1 rootless"
    (tmp_path / "sock").unlink()
    with engine(tmp_path, {**PODMAN, "/v4.3.1/libpod/info": (200, WITHOUT_LIMITS)}):
        assert api.probe(url) == "podman 4.3.1 rootless, which can't limit cpu, memory of jobs"


@pytest.mark.parametrize("version", [(200, "<html>"), (200, "[]"), (200, "null"), (404, "")])
def test_probe_refuses_a_server_that_is_no_engine(api: ModuleType, tmp_path: Path, version: tuple[int, str]) -> None:
    with (
        engine(tmp_path, {"/version": version}),
        pytest.raises(api.Fault, match="not as Docker or Podman do"),
    ):
        api.probe(f"unix://{tmp_path}/sock")


@pytest.mark.parametrize("url", ["unix:///nonexistent/sock", "tcp://127.0.0.1:1", "ssh://host", "nonsense"])
def test_probe_of_nothing_ends_with_status_2_and_one_line(
    api: ModuleType, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert api.main(["probe", url]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(url)
    assert told.err.count("\n") == 1


def test_an_import_that_fails_after_its_status_200_is_a_failure(api: ModuleType, tmp_path: Path) -> None:
    answers = {"/images/create": (200, '{"status": "Importing"}\r\n{"error": "no space left"}\r\n')}
    with engine(tmp_path, answers), pytest.raises(api.Fault, match="no space left"):
        api.import_image(f"unix://{tmp_path}/sock", "local/x:1", io.BytesIO(b"tar"))


def test_an_import_that_gives_the_image_another_name_is_a_failure(api: ModuleType, tmp_path: Path) -> None:
    with (
        engine(tmp_path, {"/images/create": (200, '{"status": "sha256:0"}')}),
        pytest.raises(api.Fault, match="does not know it"),
    ):
        api.import_image(f"unix://{tmp_path}/sock", "local/x:1", io.BytesIO(b"tar"))


def test_an_image_of_another_label_is_not_the_one_that_is_wanted(api: ModuleType, tmp_path: Path) -> None:
    with engine(tmp_path, {"/images/local/x%3A1/json": (200, '{"Config": {"Labels": {"made-by": "2"}}}')}):
        url = f"unix://{tmp_path}/sock"
        assert api.has_image(url, "local/x:1")
        assert api.has_image(url, "local/x:1", "made-by=2")
        assert not api.has_image(url, "local/x:1", "made-by=1")


def test_a_build_that_fails_after_its_status_200_is_a_failure(api: ModuleType, tmp_path: Path) -> None:
    answers = {"/build": (200, '{"stream": "Step 1/2"}\r\n{"error": "no such package\\n"}\r\n')}
    with engine(tmp_path, answers), pytest.raises(api.Fault, match=r"did not build local/x:1: no such package$"):
        api.build_image(f"unix://{tmp_path}/sock", "local/x:1", io.BytesIO(b"tar"), {})


def test_a_build_asks_with_its_arguments(api: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"/build": (200, '{"stream": "Step 1/2\\n"}\r\n'), "/images/local/x%3A1/json": (200, "{}")}
    url = f"unix://{tmp_path}/sock"
    with engine(tmp_path, answers) as server:
        api.build_image(url, "local/x:1", io.BytesIO(b"tar"), {"BASE": "local/base:1"})
    asked = parse_qs(urlsplit(server.asked[0][1]).query)
    assert asked["t"] == ["local/x:1"]
    assert asked["buildargs"] == ['{"BASE": "local/base:1"}']
    assert capsys.readouterr().out == "Step 1/2\n"


def test_services_of_a_swarm_are_removed_by_their_label(api: ModuleType, tmp_path: Path) -> None:
    answers = {"/services": (200, '[{"ID": "s1", "Spec": {"Name": "job-1"}}]'), "/services/s1": (200, "")}
    with engine(tmp_path, answers) as server:
        assert api.remove_services(f"unix://{tmp_path}/sock", "key=value") == ["job-1"]
    assert ("DELETE", "/services/s1") in server.asked


def test_removing_jobs_removes_those_with_the_label_and_tells_their_names(api: ModuleType, tmp_path: Path) -> None:
    answers = {
        "/containers/json": (
            200,
            '[{"Id": "a1", "Names": ["/job-1"]}, {"Id": "b2", "Names": ["/went-by-itself"]}]',
        ),
        "/containers/a1": (204, ""),
    }
    with engine(tmp_path, answers) as server:
        assert api.remove_jobs(f"unix://{tmp_path}/sock", "key=va lue") == ["job-1"]
    assert parse_qs(urlsplit(server.asked[0][1]).query)["filters"] == ['{"label": ["key=va lue"]}']
    assert ("DELETE", "/containers/a1?force=1&v=1") in server.asked


CHOOSE = """
. dev/engine.sh
PYTHON_PATH=$PYTHON
candidate_urls() { echo "$1" | sed "s,docker,$DOCKER_AT,; s,podman,$PODMAN_AT,"; }
ENGINE=$1
choose_engine || exit 7
echo "chosen $ENGINE $ENGINE_URL"
"""


@pytest.mark.parametrize("asked", ["", "podman"])
def test_podman_is_taken_when_docker_does_not_answer_or_when_it_is_asked_for(
    bash: Bash, tmp_path: Path, asked: str
) -> None:
    with engine(tmp_path, PODMAN):
        done = bash(CHOOSE, asked, DOCKER_AT="unix:///nonexistent", PODMAN_AT=f"unix://{tmp_path}/sock")
    assert done.returncode == 0, done.stderr
    assert f"chosen podman unix://{tmp_path}/sock" in done.stdout
    assert "podman 4.3.1 rootless" in done.stdout


@pytest.mark.parametrize(("answers", "status"), [(DOCKER, 7), (SWARM, 0)], ids=["alone", "manager"])
def test_a_docker_that_manages_no_swarm_is_refused_as_one(
    bash: Bash, tmp_path: Path, answers: dict[str, tuple[int, str]], status: int
) -> None:
    with engine(tmp_path, answers):
        script = ". dev/engine.sh; PYTHON_PATH=$PYTHON; ENGINE=swarm; choose_engine || exit 7"
        done = bash(script, DOCKER_HOST=f"unix://{tmp_path}/sock")
    assert done.returncode == status, done.stdout + done.stderr
    assert ("docker swarm init" in done.stderr) is (status == 7)


def test_the_process_engine_is_taken_when_nothing_answers_and_the_reasons_are_told(bash: Bash) -> None:
    done = bash(CHOOSE, "", DOCKER_AT="unix:///nonexistent/d", PODMAN_AT="unix:///nonexistent/p")
    assert done.returncode == 0, done.stderr
    assert "chosen process " in done.stdout
    assert "unix:///nonexistent/d does not answer" in done.stdout
    assert "unix:///nonexistent/p does not answer" in done.stdout


def test_an_engine_that_was_asked_for_and_does_not_answer_is_a_failure_with_advice(bash: Bash) -> None:
    done = bash(CHOOSE, "docker", DOCKER_AT="unix:///nonexistent/d", PODMAN_AT="unix:///nonexistent/p")
    assert done.returncode == 7
    assert "unix:///nonexistent/d does not answer" in done.stderr
    assert "-O process" in done.stderr


def test_what_docker_host_names_comes_first(bash: Bash, tmp_path: Path) -> None:
    script = """. dev/engine.sh; PYTHON_PATH=$PYTHON; ENGINE=; choose_engine; echo "chosen $ENGINE $ENGINE_URL" """
    with engine(tmp_path, PODMAN):
        done = bash(script, DOCKER_HOST=f"unix://{tmp_path}/sock")
    assert f"chosen podman unix://{tmp_path}/sock" in done.stdout, done.stderr


HOLD = (
    '. dev/ports.sh; hold_port "$PYTHON" dev/probe.py "$@" || { echo "taken by $HELD_PORT"; exit 1; }; echo $HELD_PORT'
)


def test_a_free_port_is_none_that_a_connection_may_get_meanwhile(bash: Bash) -> None:
    port = bash(HOLD).stdout.strip()
    assert int(port) < int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def test_a_port_that_is_held_is_given_to_no_other_holder_but_a_server_may_listen_there(bash: Bash) -> None:
    listen = """import http.server, sys; http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), None).server_close()"""
    rebind = """import socket, sys; socket.socket().bind(("127.0.0.1", int(sys.argv[1])))"""
    done = bash(f"{HOLD}; \"$PYTHON\" -c '{listen}' $HELD_PORT; \"$PYTHON\" -c '{rebind}' $HELD_PORT")
    assert done.returncode == 1
    assert "Address already in use" in done.stderr


def test_a_port_that_a_server_has_is_not_held_and_the_server_is_named(bash: Bash) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        done = bash(HOLD, str(server.server_address[1]))
    assert done.returncode == 1
    assert f"taken by pid {_own_pid()} (" in done.stdout


def _own_pid() -> int:
    import os

    return os.getpid()


def test_the_library_needs_nothing_but_the_standard_library(bash: Bash) -> None:
    for name in ("dev/engine_api.py", "dev/probe.py", "sample/run_job.py"):
        script = "import os, runpy, sys; sys.path.insert(0, os.path.dirname(sys.argv[1])); runpy.run_path(sys.argv[1])"
        done = bash(f"'{sys.executable}' -I -S -c '{script}' \"$1\"", name)
        assert done.returncode == 0, done.stderr
