"""Users' data in a container or bucket of the test's own: as a storage of pfcon's, and as the users see it."""

import contextlib
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from pfcon.archive.limits import UploadLimits
from pfcon.storage.objects.s3.description import S3Settings
from pfcon.storage.objects.swift.description import SwiftSettings
from pfcon.storage.settings import StorageSettings
from support.engines import docker_url, s3_url, swift_url
from support.http_relay import HttpRelay
from support.object_stores import SWIFT_KEY, SWIFT_USER, ObjectHarness
from support.zips import NO_LIMITS

from .engines import api_client

OBJECT_STORES = ["swift", "s3"]
REGION = "us-east-1"


def url_of(storage: str) -> str:
    """That of the tests' Swift or S3; skips or fails the test where there is none."""
    return swift_url() if storage == "swift" else s3_url()


@contextmanager
def seen_from_containers(url: str) -> Iterator[str]:
    """The address of a server on loopback for Docker's containers, and for this machine."""
    client = api_client(docker_url())
    with contextlib.closing(client):
        network = client.inspect_network("bridge")["IPAM"]["Config"][0]
    gateway = network.get("Gateway") or str(ip_network(network["Subnet"])[1])
    with HttpRelay(urlsplit(url).port or 80, gateway) as relay:
        yield urlsplit(url)._replace(netloc=f"{gateway}:{relay.port}").geturl()


@dataclass
class UserObjects:
    """A container of its own for each object. ``url``: Swift's auth URL, or S3's endpoint."""

    storage: str
    url: str
    container: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:12]}")
    key: str = field(default=SWIFT_KEY, repr=False)
    limits: UploadLimits = NO_LIMITS

    @property
    def settings(self) -> StorageSettings:
        """As a development service has them."""
        swift = SwiftSettings(self.url, SWIFT_USER, self.key, self.container)
        s3 = S3Settings(self.url, SWIFT_USER, self.key, REGION, self.container)
        return StorageSettings(
            name=self.storage,
            innetwork=True,
            storebase_mount=Path(tempfile.gettempdir()),
            limits=self.limits,
            own=swift if self.storage == "swift" else s3,
            create=True,
        )

    @property
    def environ(self) -> dict[str, str]:
        """The same as variables of a service."""
        return {"PFCON_INNETWORK": "true", "STORAGE_ENV": self.storage, **self.address}

    @property
    def address(self) -> dict[str, str]:
        """Those variables that only this storage has."""
        if self.storage == "swift":
            return {
                "SWIFT_AUTH_URL": self.url,
                "SWIFT_USERNAME": SWIFT_USER,
                "SWIFT_KEY": self.key,
                "SWIFT_CONTAINER_NAME": self.container,
            }
        return {
            "S3_ENDPOINT_URL": self.url,
            "S3_ACCESS_KEY": SWIFT_USER,
            "S3_SECRET_KEY": self.key,
            "S3_REGION_NAME": REGION,
            "S3_BUCKET_NAME": self.container,
        }

    @property
    def key_variable(self) -> str:
        """The one of them that is the key."""
        return "SWIFT_KEY" if self.storage == "swift" else "S3_SECRET_KEY"

    @property
    def harness(self) -> ObjectHarness:
        """The container, which exists."""
        made = ObjectHarness(self.storage, self.url, self.container, self.key)
        made.store.create_container()
        return made

    def add(self, objects: Mapping[str, bytes]) -> None:
        """Store objects by their names."""
        with contextlib.closing(self.harness) as harness:
            for name, data in objects.items():
                harness.put(name, data)

    def read(self, prefix: str = "") -> dict[str, bytes]:
        """All objects below a prefix, by what their names have after it."""
        harness = self.harness
        return {name.removeprefix(prefix): harness.read(name) for name in harness.names(prefix)}

    def names(self, prefix: str = "") -> list[str]:
        """What the names of all objects below a prefix have after it."""
        return [name.removeprefix(prefix) for name in self.harness.names(prefix)]
