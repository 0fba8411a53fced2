"""The lock files name, by version and hash, all that setup.cfg and the tools ask for."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from support.dev_modules import load

ROOT = Path(__file__).parents[2]
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>.+?))? \\$", re.MULTILINE)


LOCKS = load("locks")


def text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.lock").read_text()


def pins(name: str) -> dict[str, set[str]]:
    """Versions by name; several where they differ by Python."""
    found: dict[str, set[str]] = {}
    for pin in _PIN.finditer(text(name)):
        found.setdefault(canonicalize_name(pin["name"]), set()).add(pin["version"])
    return found


def test_there_is_a_file_for_each_name_and_no_other() -> None:
    files = {path.stem for path in (ROOT / "requirements").glob("*.lock")}
    assert files == set(LOCKS.NAMES)


@pytest.mark.parametrize("name", LOCKS.NAMES)
def test_a_lock_file_satisfies_what_it_is_for(name: str) -> None:
    locked = pins(name)
    for line in LOCKS.requirements(name):
        wanted = Requirement(line)
        versions = locked.get(canonicalize_name(wanted.name), set())
        assert versions, f"{line} is not in {name}.lock; run dev/lock.sh"
        assert all(Version(version) in wanted.specifier for version in versions), f"{line}: {versions}; run dev/lock.sh"


@pytest.mark.parametrize("name", LOCKS.NAMES)
def test_every_package_has_hashes_and_comes_from_no_named_place(name: str) -> None:
    lines = text(name).splitlines()
    assert not [
        line for line in lines if "://" in line or line.lstrip().startswith(("-i", "--index", "--extra", "--find"))
    ]
    packages = [line for line in lines if line and line[0] not in "# "]
    assert len(packages) == len(list(_PIN.finditer(text(name))))
    blocks = re.split(r"^(?=[A-Za-z0-9])", text(name), flags=re.MULTILINE)[1:]
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)


@pytest.mark.parametrize("name", ["service", "image"])
def test_what_runs_is_what_is_tested(name: str) -> None:
    tested = pins("test")
    assert {package: versions for package, versions in pins(name).items() if versions != tested.get(package)} == {}


def test_the_build_s_own_needs_are_locked_too() -> None:
    assert all("setuptools" in pins(name) for name in ("service", "image", "test"))
