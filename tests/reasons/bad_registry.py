"""A registry of images on loopback that misbehaves, each repository in its own way.

    with BadRegistry() as registry:
        registry.image("corrupt-layer")  # 127.0.0.1:PORT/reasons/corrupt-layer:1

By hand, from tests/: ``python -m reasons.bad_registry --port 5005`` prints all images, and serves until it is stopped.

It speaks the pull half of the OCI distribution specification 1.1, which is that of Docker's "registry v2", without TLS.
The last part of a path is the repository; what is before it is free: HOST:PORT/any/prefix/busy:1.

good, *-by-name          a valid image; with a shell in ``good`` where this machine has a static busybox
slow                     the same, whose layer comes at ``rate`` bytes a second
missing, no-repository   404: MANIFEST_UNKNOWN, NAME_UNKNOWN; so is any other name
login, token             401: asks for a password (Basic), or for a token (Bearer) that it then refuses
denied, busy, broken     403 DENIED, 429 TOOMANYREQUESTS with Retry-After, 500
away                     closes the connection without an answer
corrupt-manifest         an index with a manifest that has not the digest which the index says
corrupt-layer            one wrong byte
short-layer, stalled     half of the layer; then the connection ends, or nothing comes until the client leaves
not-gzip                 a layer of noise, with the right digest
other-platform           an index that has an image for another type of processor only
other-platform-single    such an image without an index
"""

import argparse
import signal
import threading
from contextlib import ExitStack
from types import TracebackType

from support.background import in_background

from . import bad_images
from .bad_images import TAG, Repository
from .bad_server import REPOSITORIES, Asks, BadServer, Manners, Request

__all__ = ["REPOSITORIES", "BadRegistry", "Request"]
PREFIX = "reasons"


class BadRegistry:
    """A context. port: 0 is a free one. rate: bytes a second of ``slow``. retry_after: seconds that ``busy`` tells.

    asks: what it asks of all clients, by its answer to GET /v2/, before they ask for an image. "token" is what Docker
    Hub does: everybody gets one, but for the repository ``token``. With "login" all images need a password that nobody
    has. salt: gives all images other digests, for engines that keep layers.
    """

    def __init__(
        self, port: int = 0, *, rate: int = 32 << 10, retry_after: int = 1, asks: Asks = "", salt: str = ""
    ) -> None:
        self._server = BadServer(port, Manners(rate, retry_after, asks, salt))
        self._salt = salt
        self._stack = ExitStack()

    @property
    def host(self) -> str:
        """HOST:PORT."""
        return self._server.host

    @property
    def requests(self) -> list[Request]:
        """All that were answered, or were to be, since the start or ``clear()``."""
        return [*self._server.log]

    def image(self, repository: str, prefix: str = PREFIX) -> str:
        """The name of an image, by its tag."""
        return f"{self.host}/{prefix}/{repository}:{TAG}" if prefix else f"{self.host}/{repository}:{TAG}"

    def pinned(self, repository: str, prefix: str = PREFIX) -> str:
        """The name of one of IMAGES, by its digest."""
        return f"{self.image(repository, prefix).removesuffix(f':{TAG}')}@{self.held(repository).top}"

    def held(self, repository: str) -> Repository:
        """What one of IMAGES consists of."""
        return bad_images.repository(repository, self._salt)

    def count(self, method: str = "", containing: str = "") -> int:
        """How many requests came, of a method, with a text in their path."""
        return sum(method in ("", request.method) and containing in request.path for request in self.requests)

    @property
    def waiting(self) -> bool:
        """Whether a client waits for the rest of ``stalled``."""
        return bool(self._server.stalled)

    def clear(self) -> None:
        """Forget the requests."""
        self._server.log.clear()

    def __enter__(self) -> "BadRegistry":
        self._stack.enter_context(in_background(self._server))
        self._stack.callback(self._server.hang_up)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m reasons.bad_registry", description="A registry that misbehaves.")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; a free one without this")
    parser.add_argument("--rate", type=int, default=32 << 10, help="bytes a second of the repository slow")
    parser.add_argument("--retry-after", type=int, default=1, help="seconds that the repository busy tells")
    parser.add_argument("--asks", choices=["token", "login"], default="", help="what all repositories ask for")
    parser.add_argument("--salt", default="", help="gives all images other digests")
    chosen = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with BadRegistry(**vars(chosen)) as registry:
        for repository in REPOSITORIES:
            print(registry.image(repository), flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
