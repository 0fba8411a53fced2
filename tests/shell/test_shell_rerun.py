"""dev/rerun.py: what failed is run once more, alone, and what passes then is named."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.shell import REPOSITORY

TESTS = """
import pathlib
MARK = pathlib.Path(__file__).with_name("ran")

def test_passes():
    pass

def test_passes_the_second_time():
    first = not MARK.exists()
    MARK.touch()
    assert not first

def test_never_passes():
    assert {never_fails}
"""
OPTIONS = ("-c", "/dev/null")


def pytest_run(directory: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", *OPTIONS, "-o", f"cache_dir={directory / 'cache'}", str(directory)]
    subprocess.run(command, cwd=directory, check=False, stdout=subprocess.DEVNULL)


def rerun(directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "dev/rerun.py"), str(directory / "cache"), "-c", "/dev/null"]
    return subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(("never_fails", "status"), [(True, 0), (False, 1)])
def test_what_passes_alone_is_unstable_and_what_fails_again_has_failed(
    tmp_path: Path, never_fails: bool, status: int
) -> None:
    (tmp_path / "test_sample.py").write_text(TESTS.format(never_fails=never_fails))
    pytest_run(tmp_path)
    done = rerun(tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("UNSTABLE ")] == [
        "UNSTABLE test_sample.py::test_passes_the_second_time"
    ]
    again = ["FAILED AGAIN test_sample.py::test_never_passes"]
    assert [line for line in lines if line.startswith("FAILED AGAIN")] == ([] if never_fails else again)
    assert not any("test_passes " in line for line in lines)


def test_nothing_to_run_again_is_a_failure(tmp_path: Path) -> None:
    """pytest has failed without naming a test: in its own set-up, say."""
    done = rerun(tmp_path)
    assert done.returncode == 1
    assert "0 tests failed" in done.stdout


def test_many_failures_are_not_run_again(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text("".join(f"def test_{n}():\n    assert 0\n" for n in range(21)))
    pytest_run(tmp_path)
    done = rerun(tmp_path)
    assert done.returncode == 1
    assert "21 tests failed" in done.stdout
    assert "once more: " not in done.stdout
