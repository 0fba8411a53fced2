"""The registry that misbehaves does so as it says; and a client that it keeps waiting does not keep it from closing."""

import gzip
import hashlib
import http.client
import io
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from pfcon.testing.waiting import eventually
from reasons.bad_images import ELSEWHERE, HERE, IMAGES, INDEX, LAYER, MANIFEST, program, static_busybox
from reasons.bad_registry import REPOSITORIES, BadRegistry, Request

WHOLE = [name for name in IMAGES if name not in ("corrupt-manifest", "corrupt-layer", "short-layer", "stalled")]
# Engines keep layers by their digest: a change here is one of all machines' caches, and of tests that name a digest.
KNOWN_LAYER = "sha256:1edd1e33c30dc5ac3ee086729ee8500a91c6fcc8698d0b47ea0f6f48112e70e4"


@pytest.fixture(scope="module")
def registry() -> Iterator[BadRegistry]:
    with BadRegistry(rate=512 << 10, retry_after=7) as registry:
        yield registry


@pytest.fixture(scope="module")
def http_() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False  # a proxy for the internet does not know our loopback
        yield session


def url(registry: BadRegistry, repository: str, kind: str = "manifests", reference: str = "1") -> str:
    return f"http://{registry.host}/v2/reasons/{repository}/{kind}/{reference}"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def fields_of(challenge: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', challenge))


def names(layer: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        return set(tar.getnames())


def manifest(http_: requests.Session, registry: BadRegistry, repository: str) -> Any:
    """The manifest of an image, by way of its index where it has one."""
    answer = http_.get(url(registry, repository), timeout=30)
    answer.raise_for_status()
    if answer.headers["Content-Type"] != INDEX:
        return answer.json()
    (listed,) = answer.json()["manifests"]
    return http_.get(url(registry, repository, reference=listed["digest"]), timeout=30).json()


@pytest.mark.parametrize("repository", WHOLE)
def test_all_parts_of_an_image_have_their_digests(
    http_: requests.Session, registry: BadRegistry, repository: str
) -> None:
    by_tag = http_.get(url(registry, repository), timeout=30)
    name = by_tag.headers["Docker-Content-Digest"]
    assert (by_tag.status_code, digest(by_tag.content)) == (200, name)
    assert registry.pinned(repository) == f"{registry.host}/reasons/{repository}@{name}"
    for reference in ("1", name):
        head = http_.head(url(registry, repository, reference=reference), timeout=30)
        assert (head.headers["Docker-Content-Digest"], head.headers["Content-Length"]) == (
            name,
            str(len(by_tag.content)),
        )
    assert http_.get(url(registry, repository, reference=name), timeout=30).content == by_tag.content
    told = manifest(http_, registry, repository)
    for part in (told["config"], *told["layers"]):
        blob = http_.get(url(registry, repository, "blobs", part["digest"]), timeout=30).content
        assert (digest(blob), len(blob)) == (part["digest"], part["size"])


def test_a_good_image_can_be_unpacked_and_has_a_command(http_: requests.Session, registry: BadRegistry) -> None:
    told = manifest(http_, registry, "good")
    assert (told["mediaType"], told["layers"][0]["mediaType"]) == (MANIFEST, LAYER)
    layer = http_.get(url(registry, "good", "blobs", told["layers"][0]["digest"]), timeout=30).content
    config = http_.get(url(registry, "good", "blobs", told["config"]["digest"]), timeout=30).json()
    assert config["rootfs"]["diff_ids"] == [digest(gzip.decompress(layer))]
    assert {"bin", "bin/true"} < names(layer)
    assert ("bin/sh" in names(layer)) == (static_busybox() is not None)
    assert http_.get(url(registry, "good", "tags", "list"), timeout=30).json() == {
        "name": "reasons/good",
        "tags": ["1"],
    }


def test_the_command_of_the_other_images_ends_at_once(tmp_path: Path) -> None:
    if HERE not in ("amd64", "arm64"):
        pytest.skip(f"there is no program for {HERE}")
    path = tmp_path / "true"
    path.write_bytes(program(HERE))
    path.chmod(0o755)
    assert subprocess.run([path], timeout=30, check=False).returncode == 0


@pytest.mark.parametrize(
    ("repository", "status", "code"),
    [
        ("missing", 404, "MANIFEST_UNKNOWN"),
        ("no-repository", 404, "NAME_UNKNOWN"),
        ("anything-else", 404, "NAME_UNKNOWN"),
        ("login", 401, "UNAUTHORIZED"),
        ("denied", 403, "DENIED"),
        ("busy", 429, "TOOMANYREQUESTS"),
        ("broken", 500, "UNKNOWN"),
    ],
)
def test_errors_are_those_of_the_specification(
    http_: requests.Session, registry: BadRegistry, repository: str, status: int, code: str
) -> None:
    for kind, reference in (("manifests", "1"), ("manifests", KNOWN_LAYER), ("blobs", KNOWN_LAYER), ("tags", "list")):
        answer = http_.get(url(registry, repository, kind, reference), timeout=30)
        head = http_.head(url(registry, repository, kind, reference), timeout=30)
        assert (answer.status_code, head.status_code, head.content) == (status, status, b"")
        assert [error["code"] for error in answer.json()["errors"]] == [code]
        for one in (answer, head):
            assert one.headers.get("WWW-Authenticate") == ('Basic realm="bad registry"' if status == 401 else None)
            assert one.headers.get("Retry-After") == ("7" if status == 429 else None)


@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_an_unknown_part_of_an_image_is_not_there(http_: requests.Session, registry: BadRegistry, kind: str) -> None:
    answer = http_.get(url(registry, "good", kind, f"sha256:{'0' * 64}"), timeout=30)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, f"{kind[:-1].upper()}_UNKNOWN")


def test_a_token_is_refused_where_it_is_asked_for(http_: requests.Session, registry: BadRegistry) -> None:
    answer = http_.get(url(registry, "token"), timeout=30)
    scheme, _, told = answer.headers["WWW-Authenticate"].partition(" ")
    fields = fields_of(told)
    assert (answer.status_code, scheme, fields["scope"]) == (401, "Bearer", "repository:reasons/token:pull")
    assert http_.get(fields["realm"], params={"scope": fields["scope"]}, timeout=30).status_code == 401
    assert fields["realm"].startswith(f"http://{registry.host}/")


def test_a_registry_may_ask_for_a_token_for_all_images(http_: requests.Session) -> None:
    with BadRegistry(asks="token") as registry:
        assert http_.get(f"http://{registry.host}/v2/", timeout=30).status_code == 401
        answer = http_.get(url(registry, "good"), timeout=30)
        fields = fields_of(answer.headers["WWW-Authenticate"].partition(" ")[2])
        given = http_.get(fields["realm"], params={"scope": fields["scope"]}, timeout=30).json()["token"]
        headers = {"Authorization": f"Bearer {given}"}
        assert [
            http_.get(url(registry, name), headers=headers, timeout=30).status_code
            for name in ("good", "missing", "login", "denied")
        ] == [200, 404, 401, 403]
        assert http_.get(fields["realm"], params={"scope": "repository:a/token:pull"}, timeout=30).status_code == 401


def test_a_registry_may_ask_for_a_password_for_all_images(http_: requests.Session) -> None:
    with BadRegistry(asks="login") as registry:
        for path in ("/v2/", "/v2/reasons/good/manifests/1"):
            answer = http_.get(f"http://{registry.host}{path}", auth=("user", "password"), timeout=30)
            assert (answer.status_code, answer.headers["WWW-Authenticate"][:5]) == (401, "Basic")
        assert registry.requests[-1] == Request("GET", "/v2/reasons/good/manifests/1", 401, "Basic")


def test_a_registry_that_is_away_does_not_answer(http_: requests.Session, registry: BadRegistry) -> None:
    assert http_.get(f"http://{registry.host}/v2/", timeout=30).json() == {}
    with pytest.raises(requests.ConnectionError, match="without response"):
        http_.get(url(registry, "away"), timeout=30)
    assert registry.requests[-1].status == 0


def test_a_corrupt_manifest_is_not_the_one_that_its_index_names(http_: requests.Session, registry: BadRegistry) -> None:
    index = http_.get(url(registry, "corrupt-manifest"), timeout=30)
    assert digest(index.content) == registry.held("corrupt-manifest").top
    (listed,) = index.json()["manifests"]
    wrong = http_.get(url(registry, "corrupt-manifest", reference=listed["digest"]), timeout=30).content
    assert len(wrong) == listed["size"]
    assert digest(wrong) != listed["digest"]


def test_a_corrupt_layer_has_one_wrong_byte(http_: requests.Session, registry: BadRegistry) -> None:
    (layer,) = manifest(http_, registry, "corrupt-layer")["layers"]
    wrong = http_.get(url(registry, "corrupt-layer", "blobs", layer["digest"]), timeout=30).content
    assert len(wrong) == layer["size"]
    assert digest(wrong) != layer["digest"] == KNOWN_LAYER
    with pytest.raises(gzip.BadGzipFile, match="CRC"):
        gzip.decompress(wrong)


def test_a_layer_that_is_no_archive_has_its_digest(http_: requests.Session, registry: BadRegistry) -> None:
    (layer,) = manifest(http_, registry, "not-gzip")["layers"]
    content = http_.get(url(registry, "not-gzip", "blobs", layer["digest"]), timeout=30).content
    assert digest(content) == layer["digest"]
    with pytest.raises(tarfile.ReadError):
        names(content)


@pytest.mark.parametrize("repository", ["other-platform", "other-platform-single"])
def test_an_image_may_be_for_another_processor(http_: requests.Session, registry: BadRegistry, repository: str) -> None:
    top = http_.get(url(registry, repository), timeout=30)
    assert top.headers["Content-Type"] == (INDEX if repository == "other-platform" else MANIFEST)
    if repository == "other-platform":
        assert [each["platform"]["architecture"] for each in top.json()["manifests"]] == [ELSEWHERE]
    config = manifest(http_, registry, repository)["config"]["digest"]
    assert http_.get(url(registry, repository, "blobs", config), timeout=30).json()["architecture"] == ELSEWHERE


@contextmanager
def ask_for_layer(registry: BadRegistry, repository: str) -> Iterator[tuple[http.client.HTTPResponse, int]]:
    """The answer, and the bytes that it promises."""
    connection = http.client.HTTPConnection(registry.host, timeout=30)
    with closing(connection):
        connection.request("GET", f"/v2/reasons/{repository}/blobs/{registry.held(repository).layer}")
        with connection.getresponse() as answer:
            yield answer, int(answer.headers["Content-Length"])


def test_a_short_layer_ends_in_the_middle(registry: BadRegistry) -> None:
    with ask_for_layer(registry, "short-layer") as (answer, promised), pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    assert len(cut.value.partial) == promised // 2


def test_a_slow_layer_takes_its_time(registry: BadRegistry) -> None:
    begun = time.monotonic()
    with ask_for_layer(registry, "slow") as (answer, promised):
        assert len(answer.read()) == promised
    assert time.monotonic() - begun > 0.4


def test_a_stalled_layer_comes_to_no_end_until_the_registry_closes() -> None:
    with ExitStack() as stack:
        registry = stack.enter_context(BadRegistry())
        with ask_for_layer(registry, "stalled") as (answer, promised):
            assert len(answer.read(promised // 2)) == promised // 2
            with socket.socket(fileno=os.dup(answer.fileno())) as rest:
                rest.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    rest.recv(1)
                stack.close()
                rest.settimeout(30)
                assert rest.recv(1) == b""


def test_a_client_that_leaves_a_stalled_layer_is_forgotten(registry: BadRegistry) -> None:
    with ask_for_layer(registry, "stalled") as (answer, promised):
        assert answer.read(promised // 2)
        assert eventually(lambda: registry.waiting)
    assert eventually(lambda: not registry.waiting)


@pytest.mark.parametrize("prefix", ["", "a", "denied/timeout/manifests"])
def test_any_prefix_leads_to_the_same_repositories(http_: requests.Session, registry: BadRegistry, prefix: str) -> None:
    host, _, name = registry.image("denied-by-name", prefix).partition("/")
    path = f"/v2/{name.removesuffix(':1')}/manifests/1"
    registry.clear()
    answer = http_.get(f"http://{host}{path}", timeout=30)
    assert digest(answer.content) == registry.held("denied-by-name").top
    assert registry.requests == [Request("GET", path, 200, "")]
    assert (registry.count("GET", "/manifests/"), registry.count("HEAD"), registry.count()) == (1, 0, 1)


def test_no_two_images_share_a_layer_and_a_salt_changes_all() -> None:
    with BadRegistry() as plain, BadRegistry(salt="2") as salted:
        layers = [one.held(name).layer for one in (plain, salted) for name in IMAGES]
        assert len(set(layers)) == 2 * len(IMAGES)
        assert plain.held("corrupt-layer").layer == KNOWN_LAYER
        assert plain.pinned("good").partition("@")[2] != salted.pinned("good").partition("@")[2]


def test_it_can_be_used_by_hand() -> None:
    command = [sys.executable, "-m", "reasons.bad_registry", "--port", "0", "--rate", "1000"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[1], env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        images = [process.stdout.readline().strip() for _ in REPOSITORIES]
        with requests.Session() as session:
            session.trust_env = False
            assert session.get(f"http://{images[0].partition('/')[0]}/v2/", timeout=30).json() == {}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert [image.rpartition("/")[2] for image in images] == [f"{name}:1" for name in REPOSITORIES]
