"""The names of images in registries. Pure."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from pfcon.errors import Refused

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?"
_NAME = re.compile(
    rf"(?:docker://)?(?P<repository>(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>[a-z0-9+._-]+:[0-9a-f]{32,}))?"
)
_LOOPBACK = re.compile(r"(?:localhost|127\.[0-9.]+)(?::[0-9]+)?/")


@dataclass(frozen=True)
class ImageName:
    """A repository, maybe with its registry's host, and a version: a tag or a digest (then it is ``pinned``)."""

    repository: str
    version: str
    pinned: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a name. Raises Refused for any other text: so it is never a path on the service's host or on a node."""
        found = _NAME.fullmatch(text)
        if not found:
            raise Refused(f"image: {text!r} is not a valid image name, e.g. registry.example.org/name:tag")
        digest = found["digest"]
        return cls(found["repository"], digest or found["tag"] or "latest", bool(digest))

    @property
    def source(self) -> str:
        """The name in the form of skopeo(1)."""
        return f"docker://{self.repository}{'@' if self.pinned else ':'}{self.version}"

    @property
    def on_loopback(self) -> bool:
        """Whether its registry is on this machine; then TLS is not required, as by Docker."""
        return bool(_LOOPBACK.match(self.repository))

    @property
    def path(self) -> PurePosixPath:
        """The path of the site's own image of that name, below the directory of such images."""
        return PurePosixPath(self.repository, self.version)

    @property
    def key(self) -> str:
        """The name of its directory in the cache."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:40]
