"""What the Dockerfile says of itself."""

import re
from pathlib import Path

import pfcon

DOCKERFILE = Path(__file__).parents[2] / "Dockerfile"


def test_the_version_label_is_the_package_s() -> None:
    assert re.findall(r"^ARG VERSION=(.*)$", DOCKERFILE.read_text(), re.MULTILINE) == [pfcon.__version__]


def test_the_service_s_user_is_a_number_that_is_not_root() -> None:
    assert re.findall(r"^USER (.*)$", DOCKERFILE.read_text(), re.MULTILINE) == ["1001:1001"]
