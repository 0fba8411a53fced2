"""``pfcon`` as a user types it."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.settings import compute_settings

import pfcon
from pfcon.client import commands as client
from pfcon.compute import engines
from pfcon.compute.signing import Signer
from pfcon.errors import ConfigurationError
from pfcon.paths import StoreBase
from pfcon.testing.waiting import PATIENCE

DEVELOPMENT = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process"}


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """``python -m pfcon`` with nothing but these settings."""
    source = str(Path(pfcon.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-m", "pfcon", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={"PYTHONPATH": source, "PATH": "/usr/bin:/bin", **environ},
        cwd="/",
    )


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"pfcon {pfcon.__version__}\n"


@pytest.mark.parametrize("command", ["", "serve", "check", "health", *client.NAMES, "completion"])
def test_help_is_given(command: str) -> None:
    done = run(*command.split(), "--help")
    assert done.returncode == 0
    assert "usage: pfcon" in done.stdout


def test_a_client_loads_nothing_of_the_service() -> None:
    loaded = "flask sqlalchemy gunicorn boto3 docker kubernetes pfcon.api pfcon.jobs pfcon.records pfcon.compute"
    probe = (
        "import pkgutil, sys, pfcon.__main__, pfcon.client\n"
        "for module in pkgutil.iter_modules(pfcon.client.__path__, 'pfcon.client.'): __import__(module.name)\n"
        f"print([name for name in {loaded.split()} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout == "[]\n"


def test_a_wrong_word_is_a_usage_error() -> None:
    assert run("srve").returncode == 2


def test_check_says_how_each_part_is(tmp_path: Path) -> None:
    done = run("check", **DEVELOPMENT, STOREBASE_MOUNT=str(tmp_path))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    parts = ("settings", "storeBase", "service", "records", "storage", "engine")
    assert [line.split(":")[0] for line in lines] == [f"ok      {part}" for part in parts]
    assert Signer(StoreBase(tmp_path)).service_id() in lines[2]


def test_check_fails_where_a_part_fails_and_goes_on_with_the_others(tmp_path: Path) -> None:
    environ = {"STOREBASE_MOUNT": str(tmp_path), "STOREBASE": str(tmp_path), "COMPUTE_VOLUME_TYPE": "host"}
    away = {"CONTAINER_ENV": "docker", "DOCKER_HOST": f"unix://{tmp_path}/nobody.sock"}
    done = run("check", **{**DEVELOPMENT, **environ, **away})
    assert done.returncode == 1
    assert "ok      records" in done.stdout
    assert "FAILED  engine" in done.stdout


@pytest.mark.parametrize("command", ["check", "serve"])
def test_settings_that_cannot_work_are_all_told_and_end_it(command: str) -> None:
    done = run(command, CONTAINER_ENV="docker", PFCON_WORKERS="many")
    assert done.returncode == 2
    for name in ("SECRET_KEY", "PFCON_USER", "PFCON_PASSWORD", "PFCON_WORKERS"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_wants_a_storebase_that_it_can_write_to() -> None:
    done = run("serve", **DEVELOPMENT, STOREBASE_MOUNT="/proc/no/such")
    assert done.returncode == 2
    assert "STOREBASE_MOUNT" in done.stderr


def test_an_engine_that_this_version_lacks_is_refused_with_those_it_has(
    monkeypatch: pytest.MonkeyPatch, storebase: StoreBase
) -> None:
    with pytest.raises(ConfigurationError, match=r"CONTAINER_ENV: got 'nomad'; it accepts docker, .* or process"):
        engines.make_engine(compute_settings(engine="nomad"), storebase)
