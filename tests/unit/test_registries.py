"""Why an image can't be fetched, by the texts of registries and of the programs that fetch images.

The texts of Docker 20.10 and Podman 4.3 in tests/data are recorded; the others are those of the programs' sources.
"""

import json
from pathlib import Path

import pytest

from pfcon.compute.registries import TEMPORARY, image_failure, refusal, without_names
from pfcon.errors import Refused
from pfcon.reasons import Reason

DATA = Path(__file__).parents[1] / "data"
IMAGE = "registry.example/fnndsc/pl-x:1"
REFERENCE = f'failed to resolve reference "{IMAGE}"'
KUBELET = f'failed to pull and unpack image "{IMAGE}": '
SOURCE = f"initializing source docker://{IMAGE}: "
READING = "reading manifest 1 in registry.example/fnndsc/pl-x: "
V2 = "https://registry.example/v2/"
BLOB = f"{V2}fnndsc/pl-x/blobs/sha256:0a0b"
DIGEST = "sha256:" + "0a" * 32
OTHER_DIGEST = "sha256:" + "0b" * 32

NOT_FOUND = [
    f"manifest for {IMAGE} not found: manifest unknown: manifest unknown",  # Docker
    f"Error response from daemon: manifest for {IMAGE} not found: manifest unknown: The named manifest is not known",
    "name unknown: The repository with name 'pl-x' does not exist in the registry",
    f"{REFERENCE}: {IMAGE}: not found",  # Docker with containerd's store
    f"rpc error: code = NotFound desc = {KUBELET}{REFERENCE}: {IMAGE}: not found",  # containerd
    f"rpc error: code = Unknown desc = {READING}manifest unknown",  # CRI-O
    f"{SOURCE}{READING}manifest unknown",  # Podman
    f"{SOURCE}{READING}repository name not known to registry",  # skopeo 1.18
    f"{SOURCE}{READING}name unknown: repository fnndsc/pl-x not found",
    f"{SOURCE}{READING}repository name not known to registry",  # skopeo 1.18
    f'time="2026-03-01T00:00:00Z" level=fatal msg="Error parsing image name \\"docker://{IMAGE}\\": {READING}manifest '
    'unknown"',  # skopeo
    '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"1"}}]}',
    f"{SOURCE}{READING}StatusCode: 404, <html>Not Found</html>",
    f"{KUBELET}failed to copy: httpReadSeeker: failed open: unexpected status code {BLOB}: 404 Not Found",
]
REFUSED = [
    "pull access denied for registry.example/fnndsc/pl-x, repository does not exist or may require 'docker login': "
    "denied: requested access to the resource is denied",  # Docker
    f"Head {V2}fnndsc/pl-x/manifests/1: unauthorized: authentication required",
    f'Head "{V2}fnndsc/pl-x/manifests/1": no basic auth credentials',
    f'Get "{V2}": unauthorized: incorrect username or password',
    f"{KUBELET}{REFERENCE}: pull access denied, repository does not exist or may require authorization: server "
    "message: insufficient_scope: authorization failed",  # containerd
    f"{KUBELET}{REFERENCE}: failed to authorize: failed to fetch anonymous token: unexpected status from GET request "
    "to https://registry.example/token?scope=repository%3Afnndsc%2Fpl-x%3Apull: 403 Forbidden",
    f"{KUBELET}{REFERENCE}: unexpected status from HEAD request to {V2}fnndsc/pl-x/manifests/1: 401 Unauthorized",
    f"{READING}errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required",
    f"{SOURCE}{READING}unauthorized: access to the requested resource is not authorized",  # Podman, of quay.io
    f"{SOURCE}Requesting bearer token: invalid status code from registry 403 (Forbidden)",
    f'time="2026-03-01T00:00:00Z" level=fatal msg="{READING}denied: access forbidden"',  # skopeo, of GitLab
]
LIMITED = [
    "toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and "
    "upgrading: https://www.docker.com/increase-rate-limit",
    f"{KUBELET}failed to copy: httpReadSeeker: failed open: unexpected status code {BLOB}: 429 Too Many Requests - "
    "Server message: toomanyrequests: You have reached your unauthenticated pull rate limit",
    f"{SOURCE}{READING}toomanyrequests: rate exceeded",
    f"{KUBELET}{REFERENCE}: unexpected status from HEAD request to {V2}fnndsc/pl-x/manifests/1: 429 Too Many Requests",
    f'time="2026-03-01T00:00:00Z" level=fatal msg="{READING}received unexpected HTTP status: 429 Too Many Requests"',
]
AWAY = [
    f'Get "{V2}": dial tcp 192.0.2.1:443: connect: connection refused',
    f"{SOURCE}pinging container registry registry.example: Get {V2}: dial tcp 192.0.2.1:443: connect: connection "
    "refused",
    f'Get "{V2}": dial tcp: lookup registry.example on 127.0.0.53:53: no such host',
    f'Get "{V2}": dial tcp: lookup registry.example: Temporary failure in name resolution',
    f'Get "{V2}": dial tcp: lookup registry.example on 10.0.0.2:53: server misbehaving',
    f'Get "{V2}": dial tcp 192.0.2.1:443: i/o timeout',
    f'Get "{V2}": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting '
    "headers)",
    f'Get "{V2}": net/http: TLS handshake timeout',
    f'Get "{V2}": context deadline exceeded',
    f'Get "{V2}": dial tcp 192.0.2.1:443: connect: no route to host',
    f'Get "{V2}": dial tcp 192.0.2.1:443: connect: network is unreachable',
    f'Get "{V2}": read tcp 192.0.2.7:4->192.0.2.1:443: read: connection reset by peer',
    f'Get "{V2}": EOF',
    f'Get "{V2}": x509: certificate signed by unknown authority',
    f'{SOURCE}pinging container registry registry.example: Get "{V2}": tls: failed to verify certificate: x509: '
    "certificate has expired or is not yet valid",
    f'Get "{V2}": http: server gave HTTP response to HTTPS client',
    "received unexpected HTTP status: 500 Internal Server Error",  # Docker
    "received unexpected HTTP status: 503 Service Unavailable",
    f"{KUBELET}{REFERENCE}: unexpected status from HEAD request to {V2}fnndsc/pl-x/manifests/1: 502 Bad Gateway",
    f"{READING}StatusCode: 500, ",
    f'time="2026-03-01T00:00:00Z" level=fatal msg="{SOURCE}pinging container registry registry.example: Get '
    f'\\"{V2}\\": dial tcp 192.0.2.1:443: connect: connection refused"',
]
DAMAGED = [
    f"filesystem layer verification failed for digest {DIGEST}",  # Docker
    f'writing blob: layer 0 (blob "{DIGEST}"/""/"{DIGEST}") does not match config\'s DiffID "{DIGEST}"',  # Podman 5
    f'{KUBELET}failed commit on ref "layer-{DIGEST}": unexpected commit digest {OTHER_DIGEST}, expected {DIGEST}: '
    "failed precondition",  # containerd
    f'{KUBELET}failed commit on ref "layer-{DIGEST}": "layer-{DIGEST}" failed size validation: 5 != 7: failed '
    "precondition",
    f"copying system image from manifest list: writing blob: Digest did not match, expected {DIGEST}, got "
    f"{OTHER_DIGEST}",  # Podman
    "failed to register layer: archive/tar: invalid tar header",
    f"{KUBELET}failed to extract layer {DIGEST}: gzip: invalid checksum: unknown",
    f"{KUBELET}failed to copy: unexpected EOF",
    f'time="2026-03-01T00:00:00Z" level=fatal msg="reading blob {DIGEST}: unexpected EOF"',
    f"{KUBELET}{REFERENCE}: invalid character '<' looking for beginning of value",
]
WRONG_PLATFORM = [
    "no matching manifest for linux/arm64/v8 in the manifest list entries",  # Docker
    f"image with reference {IMAGE} was found but does not match the specified platform: wanted linux/arm64, actual: "
    "linux/amd64",
    f"{KUBELET}no match for platform in manifest: not found",  # containerd
    f'choosing an image from manifest list docker://{IMAGE}: no image found in manifest list for architecture "arm64", '
    'variant "v8", OS "linux"',  # Podman and CRI-O
    'time="2026-03-01T00:00:00Z" level=fatal msg="choosing image instance: no image found in image index for '
    'architecture \\"arm64\\", variant \\"v8\\", OS \\"linux\\""',  # skopeo
]
INVALID_NAME = [
    "invalid reference format: repository name must be lowercase",  # Docker
    "invalid reference format: repository name (library/X) must be lowercase",
    "normalizing image: normalizing name for compat API: invalid reference format",  # Podman
    'parsing reference "X": repository name must be lowercase',
    'Failed to apply default image tag "Not An Image": couldn\'t parse image reference "Not An Image": invalid '
    "reference format: repository name must be lowercase",  # a kubelet
    'time="2026-03-01T00:00:00Z" level=fatal msg="Error parsing image name \\"docker://X\\": invalid reference format"',
]
NO_SPACE = [
    "write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
    "failed to register layer: Error processing tar file(exit status 1): write /usr/lib/x: no space left on device",
    f"{KUBELET}failed to extract layer {DIGEST}: write /var/lib/containerd/x: no space left on device: unknown",
    "writing blob: storing blob to file: gzip: write /var/tmp/x: no space left on device",
]
TABLE = {
    Reason.IMAGE_NOT_FOUND: NOT_FOUND,
    Reason.IMAGE_REFUSED: REFUSED,
    Reason.REGISTRY_LIMIT: LIMITED,
    Reason.REGISTRY_UNREACHABLE: AWAY,
    Reason.IMAGE_CORRUPT: DAMAGED,
    Reason.WRONG_ARCHITECTURE: WRONG_PLATFORM,
    Reason.INVALID_IMAGE_NAME: INVALID_NAME,
    Reason.DISK_FULL: NO_SPACE,
}
MESSAGES = {
    Reason.IMAGE_NOT_FOUND: f"image {IMAGE} can't be fetched: its registry does not have it",
    Reason.IMAGE_REFUSED: f"image {IMAGE} can't be fetched: its registry denies access, or does not have it",
    Reason.REGISTRY_LIMIT: f"image {IMAGE} can't be fetched now: its registry limits the number of downloads",
    Reason.REGISTRY_UNREACHABLE: (
        f"image {IMAGE} can't be fetched: its registry can't be reached, or answers with an error"
    ),
    Reason.IMAGE_CORRUPT: f"image {IMAGE} can't be fetched: its registry delivers damaged data",
    Reason.WRONG_ARCHITECTURE: f"image {IMAGE} is for another type of processor than the machines that run jobs have",
    Reason.INVALID_IMAGE_NAME: f"{IMAGE} is not a valid name of an image",
    Reason.DISK_FULL: f"image {IMAGE} can't be fetched: no space is left on the disk for images",
}
CASES = [(reason, text) for reason, texts in TABLE.items() for text in texts]
# Names with the words of all reasons.
NAMES = [
    "denied/app:1",
    "org/denied:1",
    "ghcr.io/org/unauthorized:forbidden",
    "registry.example/not-found/timeout:denied",
    "registry.example/x/timed-out:1",
    "denied.example/x/y:1",
    "unauthorized.example:5000/x:timeout",
    "localhost/no-such-host/x509:denied",
    "docker.io/toomanyrequests/x:1",
    f"registry.example/denied/x@{DIGEST}",
    f"registry.example/denied/x:timeout@{DIGEST}",
]
each_name = pytest.mark.parametrize("image", NAMES)


@pytest.mark.parametrize(("reason", "text"), CASES)
def test_the_text_of_a_registry_is_a_reason(reason: Reason, text: str) -> None:
    why = image_failure(IMAGE, text)
    assert (why.reason, why.message) == (reason, MESSAGES[reason])
    assert why.detail
    assert not why.interrupted


@pytest.mark.parametrize(("engine", "label"), [("docker", "pull"), ("podman", "pull events")])
def test_recorded_texts_are_known(engine: str, label: str) -> None:
    recorded = json.loads((DATA / "docker" / f"{engine}-errors.json").read_text())[label]
    text = recorded["text"] if isinstance(recorded, dict) else recorded[-1]["error"]
    why = image_failure("localhost:1/none:1", text)
    assert why.reason == Reason.REGISTRY_UNREACHABLE
    assert "connection refused" in why.detail


@pytest.mark.parametrize("text", ["ships that pass in the night", "signature does not fit", "unsupported media type"])
def test_another_text_is_told_as_it_is(text: str) -> None:
    why = image_failure(IMAGE, text)
    assert (why.reason, why.detail) == (Reason.IMAGE_FAILED, text)
    assert why.message == f"image {IMAGE} can't be fetched: {text}"


def test_a_text_is_one_line_of_limited_length_without_skopeos_prefix() -> None:
    why = image_failure(IMAGE, f'time="2026-03-01T00:00:00Z" level=fatal msg="some\n\n{"x" * 5000}"')
    assert why.message.startswith(f"image {IMAGE} can't be fetched: some xxx")
    assert len(why.detail) <= 500


def test_no_text_at_all_has_a_sentence() -> None:
    assert image_failure(IMAGE, "").message == f"image {IMAGE} can't be fetched"


@each_name
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{image}: signature does not fit", Reason.IMAGE_FAILED),
        ('failed to resolve reference "{image}": dial tcp: connect: connection refused', Reason.REGISTRY_UNREACHABLE),
        ("initializing source docker://{image}: received unexpected HTTP status: 500", Reason.REGISTRY_UNREACHABLE),
        ("initializing source docker://{image}: toomanyrequests: too many", Reason.REGISTRY_LIMIT),
        ("reading manifest {tag} in {repository}: connection refused", Reason.REGISTRY_UNREACHABLE),
        ("reading manifest {tag} in {repository}: signature does not fit", Reason.IMAGE_FAILED),
        ("reading manifest {tag} in {repository}: manifest unknown", Reason.IMAGE_NOT_FOUND),
        ('Get "https://{host}/v2/": dial tcp: connect: connection refused', Reason.REGISTRY_UNREACHABLE),
        (
            "unexpected status from GET request to https://{host}/token?scope=repository%3A{escaped}%3Apull: 500 "
            "Internal Server Error",
            Reason.REGISTRY_UNREACHABLE,
        ),
        ("unexpected status code https://{host}/v2/{path}/blobs/sha256:0a: weather", Reason.IMAGE_FAILED),
    ],
)
def test_the_words_of_a_name_are_not_mistaken_for_a_reason(image: str, text: str, reason: Reason) -> None:
    name = image.partition("@")[0]
    repository, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", DIGEST)
    first, _, rest = repository.partition("/")
    host, path = (first, rest) if set(first) & {".", ":"} or first == "localhost" else ("docker.io", repository)
    values = {"repository": repository, "tag": tag, "host": host, "path": path, "escaped": path.replace("/", "%2F")}
    assert image_failure(image, text.format(image=image, **values)).reason == reason


@each_name
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("requested access to the resource is denied", Reason.IMAGE_REFUSED),
        ("401 Unauthorized: authentication required", Reason.IMAGE_REFUSED),
        ("dial tcp 192.0.2.1:443: i/o timeout", Reason.REGISTRY_UNREACHABLE),
    ],
)
def test_what_the_registry_says_counts_whatever_the_name(image: str, text: str, reason: Reason) -> None:
    assert image_failure(image, f'failed to resolve reference "{image}": {text}').reason == reason


def test_a_name_is_only_removed_as_a_whole() -> None:
    assert without_names("xdenied denied/app denied/app:1 denied/apple", "denied/app:1") == (
        "xdenied IMAGE IMAGE denied/apple"
    )
    assert without_names("a+b", "") == "a+b"


@pytest.mark.parametrize("reason", TABLE)
def test_only_some_reasons_can_pass_by_themselves(reason: Reason) -> None:
    passing = {Reason.REGISTRY_LIMIT, Reason.REGISTRY_UNREACHABLE, Reason.DISK_FULL, Reason.IMAGE_CORRUPT}
    assert (reason in TEMPORARY) is (reason in passing)


def test_a_refusal_has_the_reason_for_the_record_and_the_log() -> None:
    fault = refusal(IMAGE, NOT_FOUND[0])
    assert isinstance(fault, Refused)
    assert (fault.why.reason, str(fault)) == (Reason.IMAGE_NOT_FOUND, MESSAGES[Reason.IMAGE_NOT_FOUND])
    assert fault.why.detail == NOT_FOUND[0]
    assert not fault.retryable
