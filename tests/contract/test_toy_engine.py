"""The engine of docs/development/adding-an-engine.md, as its author has it: a package of its own, beside pfcon."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.live import COPY_ALL, Api, LiveServer, make_zip, new_jid

from pfcon.paths import StoreBase
from pfcon.testing.compute import CONTRACT

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "tests" / "toy_engine"
ENGINE = {"CONTAINER_ENV": "toy", "COMPUTE_VOLUME_TYPE": "host"}


@dataclass(frozen=True)
class Installed:
    """source: a copy of the package's sources. site: where it is installed."""

    source: Path
    site: Path

    @property
    def path(self) -> str:
        """PYTHONPATH: the installed package, and this pfcon."""
        return f"{self.site}{os.pathsep}{ROOT}"

    def run(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run a module of Python in the directory of the sources."""
        return subprocess.run(
            [sys.executable, "-m", *words],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": self.path, **environ},
            cwd=self.source,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The package, installed into a fresh directory by pip, with no network."""
    made = tmp_path_factory.mktemp("toy")
    leftovers = shutil.ignore_patterns("__pycache__", ".*", "build", "*.egg-info")
    source = Path(shutil.copytree(SOURCE, made / "source", ignore=leftovers))
    toy = Installed(source, made / "site")
    offline = ["--isolated", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    done = toy.run("pip", "install", "--quiet", *offline, "--target", str(toy.site), str(source))
    assert done.returncode == 0, done.stderr
    shutil.rmtree(source / "pfcon_toy")  # what is tested is what was installed
    return toy


@pytest.fixture
def storebase(tmp_path: Path) -> Path:
    """An empty directory, beside which a server may write its log."""
    storebase = tmp_path / "storeBase"
    storebase.mkdir()
    return storebase


def test_the_packages_own_tests_pass_where_it_is_installed(toy: Installed) -> None:
    report = toy.source / "report.xml"
    done = toy.run("pytest", "-q", "-rs", "-n", "0", "-p", "no:cacheprovider", f"--junit-xml={report}")
    print(done.stdout[-20_000:], done.stderr)
    assert done.returncode == 0
    cases = ElementTree.parse(report).iter("testcase")
    contract = [case for case in cases if case.get("classname", "").endswith("test_toy_contract")]
    skipped = [case for case in contract if case.find("skipped") is not None]
    assert len(contract) == len(CONTRACT)
    assert len(skipped) < len(contract) / 3


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
