"""What the Dockerfile says of itself."""

import re
from pathlib import Path

import pfcon

DOCKERFILE = Path(__file__).parents[2] / "Dockerfile"


def test_the_version_label_is_the_package_s() -> None:
    assert re.findall(r"^ARG VERSION=(.*)$", DOCKERFILE.read_text(), re.MULTILINE) == [pfcon.__version__]


def test_the_service_s_user_is_a_number_that_is_not_root() -> None:
    assert re.findall(r"^USER (.*)$", DOCKERFILE.read_text(), re.MULTILINE) == ["1001:1001"]


def test_the_base_is_named_by_its_digest() -> None:
    assert re.search(r"^ARG BASE=python:3\.13-slim@sha256:[0-9a-f]{64}$", DOCKERFILE.read_text(), re.MULTILINE)


def test_packages_are_installed_by_their_hashes_alone() -> None:
    installs = re.findall(r"\$pip install (.*)", DOCKERFILE.read_text())
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "--no-index --no-deps --no-build-isolation" in installs[1]
