"""What skopeo, and umoci after it, say about each failure of a registry, and what pfcon makes of it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engines.need import Unavailable, need

from pfcon.compute.registries import image_failure
from pfcon.reasons import Reason
from reasons.bad_registry import BadRegistry

# Words of errors, in the place of a name.
MISLEADING = "unauthorized/toomanyrequests/timeout/manifest-unknown/eof/denied"
FAILURES = {
    "missing": Reason.IMAGE_NOT_FOUND,
    "no-repository": Reason.IMAGE_NOT_FOUND,
    "login": Reason.IMAGE_REFUSED,
    "token": Reason.IMAGE_REFUSED,
    "denied": Reason.IMAGE_REFUSED,
    "broken": Reason.REGISTRY_UNREACHABLE,
    "away": Reason.REGISTRY_UNREACHABLE,
    "other-platform": Reason.WRONG_ARCHITECTURE,
    "corrupt-manifest": Reason.IMAGE_CORRUPT,
}
OF_LAYERS = {"corrupt-layer": Reason.IMAGE_CORRUPT, "short-layer": Reason.IMAGE_CORRUPT}
FETCHED = ["good", "denied-by-name", "unauthorized-by-name", "timeout-by-name", "other-platform-single", "not-gzip"]


def path_of(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"there is no {name} (Debian: apt install {name})")
    return found


@pytest.fixture(scope="module")
def registry() -> Iterator[BadRegistry]:
    with BadRegistry() as registry:
        yield registry


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home without registries' passwords."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def run(home: Path, program: str, *words: str) -> tuple[int, str]:
    """The exit status of skopeo or umoci, and what it says about an error."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [need(program, path_of, program), *words],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


def copy(home: Path, image: str) -> tuple[int, str]:
    layout = f"oci:{home / 'layout'}:image"
    options = ("--insecure-policy", "copy", "--quiet", "--src-tls-verify=false")
    return run(home, "skopeo", *options, f"docker://{image}", layout)


@pytest.mark.parametrize("prefix", ["reasons", MISLEADING, ""], ids=["reasons", "misleading", "none"])
@pytest.mark.parametrize(("repository", "reason"), [*FAILURES.items(), *OF_LAYERS.items()])
def test_copy_fails_with_a_text_that_is_understood(
    home: Path, registry: BadRegistry, repository: str, reason: Reason, prefix: str
) -> None:
    image = registry.image(repository, prefix)
    status, text = copy(home, image)
    assert (status > 0, image_failure(image, text).reason, text) == (True, reason, text)


@pytest.mark.parametrize(("repository", "reason"), FAILURES.items())
def test_inspect_fails_with_a_text_that_is_understood(
    home: Path, registry: BadRegistry, repository: str, reason: Reason
) -> None:
    image = registry.image(repository)
    status, text = run(home, "skopeo", "inspect", "--tls-verify=false", f"docker://{image}")
    assert (status > 0, image_failure(image, text).reason, text) == (True, reason, text)


def test_a_limit_of_downloads_is_understood_after_repeated_attempts(home: Path, registry: BadRegistry) -> None:
    image = registry.image("busy")
    status, text = copy(home, image)
    assert (status > 0, image_failure(image, text).reason, text) == (True, Reason.REGISTRY_LIMIT, text)
    assert registry.count("GET", "/busy/manifests/") > 1


@pytest.mark.parametrize(("asks", "repository"), [("token", "token"), ("token", "login"), ("login", "good")])
def test_a_registry_that_asks_for_more_is_understood(home: Path, asks: str, repository: str) -> None:
    with BadRegistry(asks="token" if asks == "token" else "login") as registry:
        image = registry.image(repository)
        status, text = copy(home, image)
        assert (status > 0, image_failure(image, text).reason, text) == (True, Reason.IMAGE_REFUSED, text)


def test_a_registry_that_gives_everybody_a_token_delivers(home: Path) -> None:
    with BadRegistry(asks="token") as registry:
        assert copy(home, registry.image("good")) == (0, "")
        assert {request.authorization for request in registry.requests if request.status == 200} == {"", "Bearer"}


@pytest.mark.parametrize("repository", FETCHED)
def test_copy_does_not_look_into_layers_and_configurations(home: Path, registry: BadRegistry, repository: str) -> None:
    assert copy(home, registry.image(repository)) == (0, "")
    assert copy(home, registry.pinned(repository)) == (0, "")


def test_unpacking_a_layer_that_is_no_archive_fails_with_a_text_that_is_understood(
    home: Path, registry: BadRegistry
) -> None:
    image = registry.image("not-gzip")
    assert copy(home, image) == (0, "")
    status, text = run(home, "umoci", "unpack", "--rootless", "--image", f"{home}/layout:image", f"{home}/bundle")
    assert (status > 0, image_failure(image, text).reason, text) == (True, Reason.IMAGE_CORRUPT, text)
