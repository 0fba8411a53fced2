"""The storage of docs/development/adding-a-storage.md, as its author has it: a package of its own, beside pfcon."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.installed import ROOT, Installed, pip_install
from support.live import COPY_ALL, LiveServer
from support.staged import StagedJob

from pfcon.testing.storage.contract import CONTRACT

KEY = "open-sesame-7a3f"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The package, as pip installs it."""
    return pip_install(ROOT / "tests" / "toy_storage", tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def settings(shelf: Installed, tmp_path: Path) -> dict[str, str]:
    """The settings of a service with a shelf of one user's files."""
    root = tmp_path / "users"
    (root / "files/home/bob/in").mkdir(parents=True)
    (root / "files/home/bob/in/a.txt").write_text("alpha")
    (root / ".key").write_text(KEY)
    (tmp_path / "storeBase").mkdir()
    return {
        "APPLICATION_MODE": "development",
        "STOREBASE_MOUNT": str(tmp_path / "storeBase"),
        "CONTAINER_ENV": "process",
        "COMPUTE_VOLUME_TYPE": "host",
        "PFCON_INNETWORK": "true",
        "STORAGE_ENV": "shelf",
        "SHELF_ROOT": str(root),
        "SHELF_KEY": KEY,
        "PYTHONPATH": shelf.path,
    }


def test_the_packages_own_tests_pass_where_it_is_installed(shelf: Installed) -> None:
    assert shelf.run_tests("test_shelf_contract") == (len(CONTRACT), 0)


def test_pfcon_check_asks_the_storage(shelf: Installed, settings: dict[str, str], tmp_path: Path) -> None:
    done = shelf.run("pfcon", "check", **settings)
    assert f"ok      storage: the shelf {tmp_path}/users" in done.stdout, done.stderr
    done = shelf.run("pfcon", "check", **{**settings, "SHELF_KEY": "wrong"})
    assert (done.returncode, "FAILED  storage: SHELF_KEY is not the key" in done.stdout) == (1, True)
    done = shelf.run("pfcon", "check", **{name: value for name, value in settings.items() if name != "SHELF_KEY"})
    assert "SHELF_KEY: is not set; STORAGE_ENV=shelf needs it" in done.stdout + done.stderr


def test_its_copy_and_upload_jobs_get_its_settings_as_files(settings: dict[str, str], tmp_path: Path) -> None:
    users, storebase = tmp_path / "users" / "files", tmp_path / "storeBase"
    with LiveServer(storebase, settings) as server:
        job = StagedJob(server, "home/bob/in")
        copied = job.copied()
        assert (copied["status"], copied["message"]) == ("finishedSuccessfully", "copied 1 files, 5 bytes")
        assert job.plugin(COPY_ALL).status_code == 201
        assert job.wait("plugin")["status"] == "finishedSuccessfully"
        assert job.uploaded()["status"] == "finishedSuccessfully"
    assert [path.read_text() for path in (users / job.output_dir).rglob("a.txt")] == ["alpha"]
    holders = {path for path in storebase.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()}
    assert holders == {storebase / ".pfcon/secrets/shelf/SHELF_KEY"}


def test_the_sample_job_runs_on_it(settings: dict[str, str], tmp_path: Path) -> None:
    with LiveServer(tmp_path / "storeBase", settings) as server:
        options = ["--url", server.url, "--storage", "shelf", "--storebase", str(tmp_path / "users" / "files")]
        command = [sys.executable, str(ROOT / "sample" / "run_job.py"), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_package_that_is_wrong_is_named_with_the_reason(
    shelf: Installed, settings: dict[str, str], tmp_path: Path
) -> None:
    for line, wrong, reason in (
        ('    name = "shelf"\n', '    name = "rack"\n', "the storage that its package creates has the name 'rack'"),
        ("    def plan(", "    def plann(", "its package could not create it: TypeError: "),
    ):
        site = tmp_path / reason[:9].strip() / "site"
        shutil.copytree(shelf.site, site)
        module = site / "pfcon_shelf" / "storage.py"
        module.write_text(module.read_text().replace(line, wrong))
        done = Installed(shelf.source, site).run("pfcon", "check", **{**settings, "PYTHONPATH": f"{site}:{ROOT}"})
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert f"STORAGE_ENV: got 'shelf'; {reason}" in done.stderr
        assert "Traceback" not in done.stderr
