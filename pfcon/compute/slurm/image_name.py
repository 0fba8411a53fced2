"""The names of images, as registries have them. Pure."""

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
    """A repository, with a registry's host where it names one, and what is wanted of it: a tag or a digest."""

    repository: str
    version: str
    pinned: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises Refused for what is no name: never a path, of the service's host or of a node."""
        found = _NAME.fullmatch(text)
        if not found:
            raise Refused(f"image: {text!r} is no valid name of an image, e.g. registry.example.org/name:tag")
        digest = found["digest"]
        return cls(found["repository"], digest or found["tag"] or "latest", bool(digest))

    @property
    def source(self) -> str:
        """As skopeo(1) has it."""
        return f"docker://{self.repository}{'@' if self.pinned else ':'}{self.version}"

    @property
    def on_loopback(self) -> bool:
        """Whether its registry is on this very machine; TLS is not asked for there, as Docker does."""
        return bool(_LOOPBACK.match(self.repository))

    @property
    def path(self) -> PurePosixPath:
        """Where a site's own image of that name lies below the directory of such images."""
        return PurePosixPath(self.repository, self.version)

    @property
    def key(self) -> str:
        """A directory name for it."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:40]
