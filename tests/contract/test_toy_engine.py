"""The engine of docs/development/adding-an-engine.md, as its author has it: a package of its own, beside pfcon."""

import subprocess
from pathlib import Path

import pytest
from support.installed import ROOT, Installed, pip_install
from support.live import COPY_ALL, Api, LiveServer, make_zip, new_jid

from pfcon.paths import StoreBase
from pfcon.testing.compute import CONTRACT

ENGINE = {"CONTAINER_ENV": "toy", "COMPUTE_VOLUME_TYPE": "host"}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The package, as pip installs it."""
    return pip_install(ROOT / "tests" / "toy_engine", tmp_path_factory.mktemp("toy"))


@pytest.fixture
def storebase(tmp_path: Path) -> Path:
    """An empty directory, beside which a server may write its log."""
    storebase = tmp_path / "storeBase"
    storebase.mkdir()
    return storebase


def test_the_packages_own_tests_pass_where_it_is_installed(toy: Installed) -> None:
    contract, skipped = toy.run_tests("test_toy_contract")
    assert contract == len(CONTRACT)
    assert skipped < contract / 3


def check(toy: Installed, storebase: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    where = {"APPLICATION_MODE": "development", "STOREBASE_MOUNT": str(storebase)}
    return toy.run("pfcon", "check", **ENGINE, **where, **environ)


def test_pfcon_check_finds_the_engine_by_its_entry_point(toy: Installed, storebase: Path) -> None:
    done = check(toy, storebase)
    assert done.returncode == 0, done.stderr
    assert "ok      engine: processes of this machine" in done.stdout


def test_a_setting_of_the_engine_is_checked_by_pfcon(toy: Installed, storebase: Path) -> None:
    done = check(toy, storebase, TOY_GRACE="soon")
    assert done.returncode != 0
    assert "TOY_GRACE: got 'soon'; it accepts a whole number of seconds from 1 to 600" in done.stdout + done.stderr


def test_an_option_that_the_engine_lacks_is_refused_by_pfcon(toy: Installed, storebase: Path) -> None:
    done = check(toy, storebase, SHM_SIZE="64")
    assert done.returncode != 0
    assert "SHM_SIZE" in done.stdout + done.stderr


def test_a_service_runs_a_job_on_the_engine(toy: Installed, storebase: Path) -> None:
    with LiveServer(storebase, {**ENGINE, "PYTHONPATH": toy.path}) as server:
        api, jid = Api(server.url), new_jid()
        answer = api.submit(jid, COPY_ALL, make_zip({"a.txt": "alpha", "sub/b.txt": "beta"}))
        assert answer.status_code == 201, answer.text
        ended = api.wait(jid)
        assert (ended["status"], ended["logs"]) == ("finishedSuccessfully", "copied\n")
        directory = StoreBase(storebase).private / "toy" / jid
        assert (directory / "end.json").exists()  # no other engine has run it
        assert api.unzip(jid) == {"a.txt": b"alpha", "sub/b.txt": b"beta"}
        assert api.delete(f"jobs/{jid}/").status_code == 204
        assert not directory.exists()
