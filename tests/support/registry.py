"""Images in a registry on loopback.

The registry's side is the distribution specification's ("docker registry v2"); the images are image manifests of
version 2, schema 2.
"""

import contextlib
import functools
import gzip
import hashlib
import io
import json
import os
import platform
import tarfile

import requests

from support.engines import IMAGE

from .engines import api_client

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@functools.cache
def _commands(engine_url: str) -> bytes:
    """A tar of the test image's /bin: busybox."""
    client = api_client(engine_url)
    with contextlib.closing(client):
        container = client.create_container(IMAGE, ["true"])["Id"]
        try:
            return b"".join(client.get_archive(container, "/bin")[0])
        finally:
            client.remove_container(container)


def _noise(name: str, size: int) -> bytes:
    """A tar with one file that no compression makes smaller and that no engine has seen. size: bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = size
        tar.addfile(member, io.BytesIO(os.urandom(size)))
    return buffer.getvalue()


def push_image(registry: str, repository: str, engine_url: str, noise: list[int], config_noise: int = 0) -> None:
    """Push an image as ``repository:1`` that holds the test image's /bin.

    registry: HOST:PORT. engine_url: an engine that holds the test image. noise: bytes of each further layer.
    config_noise: bytes by which the image's configuration is made longer.
    """
    layers = [_commands(engine_url), *(_noise(f"noise{number}", size) for number, size in enumerate(noise))]
    config = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "author": os.urandom(config_noise // 2).hex(),
        "config": {"Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer) for layer in layers]},
    }
    packed = [gzip.compress(layer, 1) for layer in layers]
    with requests.Session() as session:
        session.trust_env = False  # a proxy for the internet does not know our loopback
        base = f"http://{registry}/v2/{repository}"
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _push_blob(session, base, CONFIG, json.dumps(config).encode()),
            "layers": [_push_blob(session, base, LAYER, layer) for layer in packed],
        }
        headers = {"Content-Type": MANIFEST}
        session.put(f"{base}/manifests/1", json.dumps(manifest), headers=headers, timeout=60).raise_for_status()


def _push_blob(session: requests.Session, base: str, media_type: str, content: bytes) -> dict[str, str | int]:
    """Upload a blob; gives back its descriptor."""
    begun = session.post(f"{base}/blobs/uploads/", timeout=60)
    begun.raise_for_status()
    headers = {"Content-Type": "application/octet-stream"}
    put = session.put(
        begun.headers["Location"], content, params={"digest": _digest(content)}, headers=headers, timeout=60
    )
    put.raise_for_status()
    return {"mediaType": media_type, "size": len(content), "digest": _digest(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
