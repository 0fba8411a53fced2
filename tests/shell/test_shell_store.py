"""The Swift that make.sh starts beside pfcon: when it can't, and when it has gone."""

import os
import signal
import sys
from pathlib import Path

import pytest
from support.engines import swift_python
from support.ports import free_port
from support.shell import alive, install_swift, run

pytestmark = pytest.mark.slow


def noted(checkout: Path, name: str) -> dict[str, str]:
    """What make.sh wrote down of a process."""
    return dict(line.split("=", 1) for line in (checkout / ".pfcon-dev" / name).read_text().splitlines())


def test_a_swift_that_was_killed_comes_back_where_pfcon_knows_it_with_all_its_data(checkout: Path) -> None:
    install_swift(checkout, swift_python())
    words = ("-O", "process", "-N", "-p", str(free_port()))
    first = run(checkout / "make.sh", *words, "-U", cwd=checkout.parent)
    assert first.returncode == 0, first.stdout + first.stderr
    before = noted(checkout, "swift.state")
    os.kill(int(before["pid"]), signal.SIGKILL)
    again = run(checkout / "make.sh", *words, cwd=checkout.parent)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "reusing it" in again.stdout
    assert "posted upload job" in again.stdout
    after = noted(checkout, "swift.state")
    assert after["port"] == before["port"]
    assert after["pid"] != before["pid"]
    assert run(checkout / "unmake.sh", cwd=checkout.parent).returncode == 0
    assert not alive(int(after["pid"]))


def test_a_swift_that_cannot_start_is_told_with_the_end_of_its_log(checkout: Path) -> None:
    install_swift(checkout, "/nonexistent")
    python = checkout / ".venv-swift/bin/python"
    python.write_text("#!/bin/sh\necho a reason; exit 1\n")
    done = run(checkout / "make.sh", "-O", "process", "-N", "-F", "s3", "-p", str(free_port()), cwd=checkout.parent)
    assert done.returncode == 1
    assert "Swift did not start" in done.stderr
    assert "a reason" in done.stderr
    assert not (checkout / ".pfcon-dev/swift.state").exists()
    assert not (checkout / ".pfcon-dev/state").exists()


def test_a_file_system_without_extended_attributes_is_told_before_a_start(checkout: Path) -> None:
    install_swift(checkout, "/nonexistent")
    probe = checkout / "dev/probe.py"
    probe.write_text(probe.read_text().replace('"user.pfcon"', '"none.pfcon"'))  # no file system takes that
    done = run(checkout / "make.sh", "-O", "process", "-N", "-F", "swift", "-p", str(free_port()), cwd=checkout.parent)
    assert done.returncode == 1
    assert "ext4, xfs or btrfs" in done.stderr


def test_the_sample_says_which_variable_of_the_store_is_missing(checkout: Path) -> None:
    program = "import users_files; users_files.users_files('swift', None).__enter__()"
    done = run(sys.executable, "-c", program, cwd=checkout / "sample")
    assert done.returncode == 1
    assert done.stderr.endswith("SampleError: SWIFT_CONTAINER_NAME is not set: where is the store?\n")
