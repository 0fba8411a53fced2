"""Object stores for tests: containers of the shared server, and servers that a test kills and restarts."""

import json
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.engines import swift_python

SWIFT_USER, SWIFT_KEY = "chris:chris1234", "testing"
SERVER = Path(__file__).parents[2] / "dev/swift_server.py"
START_SECONDS = 60


class ObjectServer:
    """A Swift, with S3, of the test's own on a directory. It has the same port and objects whenever it is started."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def auth_url(self) -> str:
        """Swift's, for auth version 1."""
        return f"{self.s3_url}/auth/v1.0"

    @property
    def s3_url(self) -> str:
        """S3's endpoint."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._root / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                [swift_python(), str(SERVER), str(self._root), "--port", str(self._port), "--with-parent"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.kill()
            raise AssertionError(f"Swift did not start: {(self._root / 'server.log').read_text()}")
        self._port = int(json.loads(line)["s3_url"].rpartition(":")[2])

    def kill(self) -> None:
        """End it at once; its connections break. Repeatable."""
        if self._process is not None:
            assert self._process.stdout is not None
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None


@contextmanager
def object_server(root: Path) -> Iterator[ObjectServer]:
    """A running server of the test's own; ``root`` is its directory. Skips or fails where there is no Swift."""
    server = ObjectServer(root)
    server.start()
    try:
        yield server
    finally:
        server.kill()
