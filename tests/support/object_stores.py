"""Object stores for tests: stores on a container of the test's own, and servers that a test kills and restarts."""

import hashlib
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from pfcon.errors import Refused
from pfcon.storage.objects.http import Timeouts
from pfcon.storage.objects.s3.bucket import make_client
from pfcon.storage.objects.s3.description import S3Settings
from pfcon.storage.objects.s3.store import S3Store
from pfcon.storage.objects.store import ObjectStore, Part, Source
from pfcon.storage.objects.swift.description import SwiftSettings
from pfcon.storage.objects.swift.store import SwiftStore
from pfcon.testing.waiting import PATIENCE
from support.engines import ceph_s3_url, ceph_swift_url, s3_url, swift_python, swift_url
from support.ports import free_port

from .readable import readable

SWIFT_USER, SWIFT_KEY = "chris:chris1234", "testing"
SERVER = Path(__file__).parents[2] / "dev/swift_server.py"
PATIENT = Timeouts(connect=30.0, read=60.0)


def md5(data: bytes) -> str:
    """In hex."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@dataclass
class ObjectHarness:
    """A store on a container of its own. ``kind``: swift or s3. ``url``: Swift's auth URL, or S3's endpoint.

    ``ceph``: radosgw's, not OpenStack Swift's.
    """

    kind: str
    url: str = ""
    container: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:12]}")
    key: str = field(default=SWIFT_KEY, repr=False)
    timeouts: Timeouts = PATIENT
    ceph: bool = False
    _files: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.url = self.url or self._found_url()
        self.store: ObjectStore = self._make()

    def _found_url(self) -> str:
        if self.ceph:
            return ceph_swift_url() if self.kind == "swift" else ceph_s3_url()
        return swift_url() if self.kind == "swift" else s3_url()

    def _make(self) -> ObjectStore:
        if self.kind == "swift":
            return SwiftStore(SwiftSettings(self.url, SWIFT_USER, self.key, self.container), self.timeouts)
        return S3Store(S3Settings(self.url, SWIFT_USER, self.key, "us-east-1", self.container), self.timeouts)

    def but(self, **changes: Any) -> "ObjectHarness":
        """The same with other fields, and a client of its own."""
        return replace(self, _files=self._files, **changes)

    def source(self, data: bytes) -> Source:
        """A file that holds these bytes somewhere in its middle."""
        file = self._files.enter_context(TemporaryFile())  # noqa: SIM115 - it is one
        file.write(b"before" + data + b"after")
        file.flush()
        return Source(file, len("before"), len(data))

    def put(self, name: str, data: bytes) -> None:
        """Store an object."""
        self.store.put(name, self.source(data), md5(data))

    def put_large(self, name: str, parts: list[bytes]) -> None:
        """Store an object in parts."""
        upload = self.store.large_upload(name, len(parts[0]), len(parts))
        for number, data in enumerate(parts):
            upload.send(number, self.source(data))
        upload.finish([Part(len(data), md5(data)) for data in parts])

    def read(self, name: str, **options: Any) -> bytes:
        """Download an object, or a part."""
        with self.store.download(name, **options) as download:
            return b"".join(download.chunks)

    def names(self, prefix: str = "", **options: Any) -> list[str]:
        """The names of a listing, in its order."""
        return [listed.name for page in self.store.pages(prefix, **options) for listed in page]

    def left_parts(self) -> int:
        """How many parts Swift keeps, or unfinished uploads S3."""
        if isinstance(self.store, S3Store):
            return len(client_of(self).list_multipart_uploads(Bucket=self.container).get("Uploads", ()))
        try:
            return len(self.but(container=f"{self.container}_segments").names())
        except Refused:
            return 0

    def close(self) -> None:
        """Close the files of the sources."""
        self._files.close()


def client_of(harness: ObjectHarness) -> Any:
    """A client of S3's own, whatever the harness talks to, for what the seam has no words for."""
    url = ceph_s3_url() if harness.ceph else s3_url()
    settings = S3Settings(url, SWIFT_USER, SWIFT_KEY, "us-east-1", harness.container)
    return make_client(settings, PATIENT)


class ObjectServer:
    """A Swift, with S3, of the test's own on a directory. It has the same port and objects whenever it is started."""

    def __init__(self, root: Path, key: str = SWIFT_KEY, python: str = "") -> None:
        self._root, self._key, self._python = root, key, python
        self.port = free_port()
        self._process: subprocess.Popen[str] | None = None

    @property
    def auth_url(self) -> str:
        """Swift's, for auth version 1."""
        return f"{self.s3_url}/auth/v1.0"

    @property
    def s3_url(self) -> str:
        """S3's endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        assert self._process is None, "it runs already"
        with (self._root / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                [
                    *(self._python or swift_python(), str(SERVER), str(self._root)),
                    *("--port", str(self.port), "--with-parent"),
                    *("--user", f"{SWIFT_USER}={self._key}"),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        ready = readable([self._process.stdout], PATIENCE)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.kill()
            raise AssertionError(f"Swift did not start: {(self._root / 'server.log').read_text()}")

    def kill(self) -> None:
        """End it at once; its connections break. Repeatable."""
        if self._process is not None:
            assert self._process.stdout is not None
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None


@contextmanager
def object_server(root: Path, key: str = SWIFT_KEY) -> Iterator[ObjectServer]:
    """A running server of the test's own; ``root`` is its directory, ``key`` that of SWIFT_USER.

    Skips or fails where there is no Swift.
    """
    server = ObjectServer(root, key)
    server.start()
    try:
        yield server
    finally:
        server.kill()
