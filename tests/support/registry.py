"""Images in a registry on loopback, and a slow relay in front of it that a test can cut.

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
import select
import socket
import tarfile
import threading
import time
from types import TracebackType

import docker
import requests

from support.engines import IMAGE

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PIECE = 4096  # bytes that a relay passes on at once


@functools.cache
def _commands(engine_url: str) -> bytes:
    """A tar of the test image's /bin: busybox."""
    client = docker.APIClient(base_url=engine_url, version="auto")
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


class SlowRelay:
    """Passes connections on to a registry, its answers at ``rate`` bytes a second each; a context manager."""

    def __init__(self, registry: str, rate: float) -> None:
        host, _, port = registry.rpartition(":")
        self._target = (host, int(port))
        self._port = 0  # the first that is free; the same one after a cut
        self._listener: socket.socket | None = None
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.rate = rate

    @property
    def host(self) -> str:
        """HOST:PORT for names of images."""
        return f"127.0.0.1:{self._port}"

    def hurry(self) -> None:
        """Limit nothing any more."""
        self.rate = float("inf")

    def __enter__(self) -> "SlowRelay":
        self.restore()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    def restore(self) -> None:
        """Accept connections."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        self._run(self._accept, self._listener)

    def cut(self) -> None:
        """Refuse new connections and break those that are open."""
        if self._listener is not None:
            _shut(self._listener)
            self._listener = None
        while self._threads:  # one that was accepted just now is in the list by the time its acceptor has ended
            for connection in list(self._connections):
                _shut(connection)
            self._threads.pop(0).join()

    def _run(self, work: object, *args: socket.socket) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                self._connections.append(client)
                self._run(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._target) as registry:
            while True:
                for source in select.select([client, registry], [], [])[0]:
                    piece = source.recv(PIECE)
                    if not piece:
                        return
                    (registry if source is client else client).sendall(piece)
                    if source is registry:
                        time.sleep(len(piece) / self.rate)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more
        connection.shutdown(socket.SHUT_RDWR)
