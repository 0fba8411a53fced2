"""A store's key is in no record, log, answer, command line, environment or container: in one file, of one user."""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.engines import api_client, docker_url, op_image
from support.http_relay import HttpRelay
from support.live import COPY_ALL, LiveServer, StartServer
from support.object_stores import object_server
from support.staged import StagedJob
from support.user_objects import OBJECT_STORES, UserObjects, seen_from_containers

from pfcon.testing.waiting import eventually

DONE = "finishedSuccessfully"


@pytest.fixture(params=OBJECT_STORES)
def users(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[UserObjects, HttpRelay]]:
    """Users' data behind a key that occurs nowhere else, and a relay in front of them."""
    key = f"key-{secrets.token_hex(16)}"
    with object_server(tmp_path, key) as server:
        url = server.auth_url if request.param == "swift" else server.s3_url
        with HttpRelay(urlsplit(url).port or 80) as relay:
            near = urlsplit(url)._replace(netloc=f"127.0.0.1:{relay.port}").geturl()
            users = UserObjects(request.param, near, key=key)
            users.add({"home/bob/data/a": b"a"})
            yield users, relay


@contextlib.contextmanager
def key_file(users: UserObjects, directory: Path) -> Iterator[dict[str, str]]:
    """The service's settings with the key in a file: its own environment has none either."""
    environ = users.environ
    path = directory / "key"
    path.write_text(environ.pop(users.key_variable))
    yield {**environ, f"{users.key_variable}_FILE": str(path)}


def files_with(key: str, root: Path) -> list[str]:
    """All files below a directory that hold the key."""
    found = []
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink() and key.encode() in path.read_bytes():
            found.append(str(path.relative_to(root)))
    return found


def processes_with(key: str) -> list[str]:
    """The command lines of all processes but Swift's that show the key, or have it in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command, environ = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
            if key.encode() in command + environ and b"swift_server.py" not in command:
                found.append(command.decode(errors="replace"))
    return found


def check(server: LiveServer, users: UserObjects, job: StagedJob) -> None:
    """What is on disk, in the log and in answers."""
    secret = server.storebase / f".pfcon/secrets/{users.storage}/{users.key_variable}"
    assert files_with(users.key, server.storebase) == [str(secret.relative_to(server.storebase))]
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.parent.stat().st_mode & 0o777 == 0o700
    assert users.key not in server.log_path.read_text()
    for kind in ("copy", "plugin", "upload"):
        assert users.key not in job.get(kind).text


def test_on_the_process_engine(users: tuple[UserObjects, HttpRelay], start_server: StartServer, tmp_path: Path) -> None:
    objects, relay = users
    with key_file(objects, tmp_path) as environ:
        server = start_server("process", **environ)
    job = StagedJob(server)
    assert job.copied()["status"] == DONE
    job.plugin(COPY_ALL)
    job.wait("plugin")
    relay.on_request = lambda request: request.method != "PUT"
    relay.clear()
    assert job.upload().status_code == 201
    assert eventually(lambda: relay.count("PUT") > 0)
    assert job.operation_pids()
    assert processes_with(objects.key) == []
    relay.on_request = lambda request: None
    assert job.wait("upload")["status"] == DONE
    check(server, objects, job)
    job.delete()
    assert job.wait("delete")["status"] == DONE


def test_in_containers(start_server: StartServer, users: tuple[UserObjects, HttpRelay], tmp_path: Path) -> None:
    objects, _ = users
    with contextlib.ExitStack() as stack:
        objects.url = stack.enter_context(seen_from_containers(objects.url))
        environ = stack.enter_context(key_file(objects, tmp_path))
        server = start_server("docker", **environ, PFCON_OP_IMAGE=op_image())
        job = StagedJob(server)
        assert job.copied()["status"] == DONE
        job.plugin(COPY_ALL)
        job.wait("plugin")
        assert job.uploaded()["status"] == DONE
        engine = stack.enter_context(contextlib.closing(api_client(docker_url())))
        for kind in ("copy", "upload"):
            container = engine.inspect_container(f"{job.jid}-{kind}")
            assert objects.key not in str(container)
            mounts = {mount["Destination"]: mount["RW"] for mount in container["Mounts"]}
            assert mounts == {f"/share/storebase/key-{job.jid}": True, f"/share/secrets/{objects.storage}": False}
            assert objects.key not in engine.logs(f"{job.jid}-{kind}").decode()
        check(server, objects, job)
        job.delete()
        assert job.wait("delete")["status"] == DONE
        for kind in ("copy", "plugin", "upload", "delete"):
            assert job.api.delete(f"{kind}jobs/{job.jid}/").status_code == 204


@pytest.mark.parametrize("users", ["swift"], indirect=True)
def test_a_plugin_s_container_sees_no_secret(
    start_server: StartServer, users: tuple[UserObjects, HttpRelay], tmp_path: Path
) -> None:
    objects, _ = users
    with key_file(objects, tmp_path) as environ:
        server = start_server("docker", **environ)
    job = StagedJob(server)
    assert job.copied()["status"] == DONE  # beside the service
    job.plugin('cat /proc/mounts; env; ls -a "$0"/..')
    told = job.wait("plugin")
    assert told["status"] == DONE, told
    with contextlib.closing(api_client(docker_url())) as engine:
        container = engine.inspect_container(job.jid)
    assert {mount["Destination"] for mount in container["Mounts"]} == {"/share/incoming", "/share/outgoing"}
    assert objects.key not in str(container)
    assert objects.key not in told["logs"]
    assert job.api.delete(f"pluginjobs/{job.jid}/").status_code == 204
