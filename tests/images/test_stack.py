"""The compose and stack files: valid for the real tools, and brought up by them."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.container_jobs import delete_all, run_fslink_job, run_zip_job
from support.containers import STOREBASE
from support.engines import IMAGE, docker_url, op_image, swarm_url
from support.engines.need import Unavailable, need
from support.live import USER
from support.ports import free_port
from support.stacks import FILES, Composed, Stack, each, run

DEVELOPMENT = [("development",), *(("development", name) for name in ("filesystem", "fslink", "swift", "s3"))]
PRODUCTION = [("production",), ("production", "postgresql")]


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    """What the files want to be told, with secrets and a storeBase of our own."""
    with tempfile.TemporaryDirectory(prefix="pfcon-stack-", ignore_cleanup_errors=True) as directory:
        root = Path(directory)
        root.chmod(0o755)
        for name in ("secret_key", "password", "database_url", "database_password"):
            (root / name).write_text(secrets.token_hex(20) + "\n")
        (root / "user").write_text(f"{USER}\n")
        (root / "storeBase").mkdir()
        os.chown(root / "storeBase", 1001, 1001)
        yield {
            "DOCKER_GROUP": "0",
            "PFCON_IMAGE": os.environ.get("PFCON_TEST_OP_IMAGE", "local/pfcon:1"),
            "PFCON_SECRETS": directory,
            "STOREBASE": f"{directory}/storeBase",
            "DATABASE_NODE": "db-1",
            **dict.fromkeys(("SWIFT_IMAGE", "S3_IMAGE", "POSTGRES_IMAGE"), IMAGE),  # theirs are in registries only
        }


@pytest.mark.parametrize("files", DEVELOPMENT + PRODUCTION, ids="+".join)
def test_docker_compose_finds_the_files_valid(environ: dict[str, str], files: tuple[str, ...]) -> None:
    done = run(*compose(), *each("-f", files), "config", "--quiet", **environ)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("files", "variable"), [(("development",), "DOCKER_GROUP"), (("production",), "STOREBASE")])
def test_what_only_the_user_knows_is_asked_for(environ: dict[str, str], files: tuple[str, ...], variable: str) -> None:
    known = {name: value for name, value in environ.items() if name != variable}
    done = run(*compose(), *each("-f", files), "config", "--quiet", **known)
    assert done.returncode != 0
    assert variable in done.stderr
    assert "set it to" in done.stderr


def test_every_file_is_checked() -> None:
    assert {name for files in DEVELOPMENT + PRODUCTION for name in files} == {path.stem for path in FILES.glob("*.yml")}


def compose() -> list[str]:
    """The words that call docker compose, the plugin or the program of its own; skips or fails the test without one."""
    return need("docker-compose", _find_compose).split()


def _find_compose() -> str:
    for words in ("docker compose", "docker-compose"):
        if shutil.which(words.split()[0]) and run(*words.split(), "version").returncode == 0:
            return words
    raise Unavailable("there is no docker compose (Debian: apt install docker-compose)")


@pytest.mark.engine("docker")
def test_docker_compose_brings_the_development_service_up_and_it_runs_a_zip_job(environ: dict[str, str]) -> None:
    socket = docker_url().removeprefix("unix://")
    op_image("docker")
    group, port = str(os.stat(socket).st_gid), str(free_port())
    more = {"DOCKER_SOCKET": socket, "DOCKER_GROUP": group, "PFCON_PORT": port, "DOCKER_HOST": docker_url()}
    with Composed(compose(), ("development",), {**environ, **more}) as service:
        run_zip_job(service)
        assert service.execute("ls", STOREBASE) == (0, "")


@pytest.fixture
def stack_environ(environ: dict[str, str]) -> dict[str, str]:
    """For a Swarm that holds the image."""
    socket = swarm_url().removeprefix("unix://")
    op_image("swarm")
    return {**environ, "DOCKER_SOCKET": socket, "DOCKER_GROUP": str(os.stat(socket).st_gid)}


@pytest.mark.engine("swarm")
def test_the_development_stack_runs_a_zip_job(stack_environ: dict[str, str]) -> None:
    with Stack(swarm_url(), ("development",), stack_environ) as service:
        run_zip_job(service)
        assert service.execute("ls", STOREBASE) == (0, "")


@pytest.mark.engine("swarm")
def test_the_development_stack_runs_an_fslink_job(stack_environ: dict[str, str]) -> None:
    with Stack(swarm_url(), ("development", "fslink"), stack_environ) as service:
        delete_all(run_fslink_job(service))
        assert service.execute("ls", STOREBASE) == (0, "home\n")


@pytest.mark.engine("swarm")
def test_the_production_stack_has_its_secrets_and_limits_and_runs_jobs_as_services(
    stack_environ: dict[str, str],
) -> None:
    environ = {**stack_environ, "STORAGE_ENV": "zipfile", "PFCON_INNETWORK": "false"}
    password = Path(environ["PFCON_SECRETS"], "password").read_text().strip()
    with Stack(swarm_url(), ("production",), environ, password) as service:
        run_zip_job(service)
        host = service.inspect()["HostConfig"]
        assert (host["Memory"], host["NanoCpus"], host["CapDrop"]) == (2 << 30, 2 * 10**9, ["ALL"])
        assert host["ReadonlyRootfs"]
        assert password not in str(service.inspect())


@pytest.mark.engine("swarm")
@pytest.mark.parametrize("files", [("development", "swift"), ("development", "s3"), ("production", "postgresql")])
def test_a_stack_with_a_server_of_its_own_is_accepted(stack_environ: dict[str, str], files: tuple[str, ...]) -> None:
    stack = Stack(swarm_url(), files, stack_environ)
    try:
        deployed = stack.deploy()
        assert deployed.returncode == 0, deployed.stderr
    finally:
        stack.remove()
        stack.client.close()
