"""Servers that a test may kill, on each engine."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.live import LiveServer, StartServer
from support.serving import URLS


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """A function that starts a server with a storeBase of its own: ``start_server(engine, **environ)``."""
    with ExitStack() as stack:

        def start(engine: str = "process", **environ: str) -> LiveServer:
            if engine in URLS:
                environ = {"DOCKER_HOST": URLS[engine](), **environ}
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="pfcon-faults-", ignore_cleanup_errors=True))
            Path(name).chmod(0o755)
            storebase = Path(name, "storeBase")
            storebase.mkdir()
            return stack.enter_context(LiveServer(storebase, {"CONTAINER_ENV": engine, **environ}))

        yield start
