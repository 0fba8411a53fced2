"""The directory of a service's numbers: which ones of other services are removed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pfcon.metrics.directory import PREFIX, remove_abandoned

HOLD = """
import os, sys, tempfile
tempfile.tempdir = sys.argv[1]
os.access = lambda *_: False  # no /dev/shm
from pfcon.metrics.directory import VARIABLE, make_directory
make_directory()
print(os.environ[VARIABLE], flush=True)
sys.stdin.read()
"""


def service(parent: Path) -> tuple["subprocess.Popen[str]", Path]:
    """A process that has made its directory, and that directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def end(process: "subprocess.Popen[str]") -> None:
    process.communicate()


def age(directory: Path) -> None:
    """As if it had been made long ago."""
    os.utime(directory, (time.time() - 3600,) * 2)


def test_what_a_killed_service_left_is_removed_and_a_living_one_keeps_its_own(tmp_path: Path) -> None:
    killed, left = service(tmp_path)
    killed.kill()
    end(killed)
    living, kept = service(tmp_path)
    age(left)
    age(kept)
    assert left.is_dir()
    next_one, own = service(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([kept, own])
    end(living)
    end(next_one)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_was_just_made_or_has_another_name_is_left_alone(tmp_path: Path) -> None:
    names = [f"{PREFIX}new", "other"]
    for name in names:
        (tmp_path / name).mkdir()
    age(tmp_path / "other")
    remove_abandoned(tmp_path)
    assert sorted(found.name for found in tmp_path.iterdir()) == sorted(names)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to somebody else")
def test_a_directory_of_another_user_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / f"{PREFIX}theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    age(theirs)
    remove_abandoned(tmp_path)
    assert theirs.is_dir()
