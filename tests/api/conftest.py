"""One live server for the interface's tests, on the process engine."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.live import Api, LiveServer


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    """A server whose limits are small enough to be hit."""
    with tempfile.TemporaryDirectory(prefix="pfcon-api-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        limits = {
            "PFCON_MAX_UPLOAD_BYTES": "20MiB",
            "PFCON_MAX_UNPACKED_BYTES": "400MiB",
            "PFCON_MAX_FILES": "1000",
            "PFCON_MAX_RATIO": "100",
            "PFCON_MAX_FORM_BYTES": "200KiB",
            "TIMELIMIT_MINUTES": "60",
        }
        with LiveServer(storebase, limits) as live:
            yield live


@pytest.fixture(scope="session")
def api(server: LiveServer) -> Api:
    """A logged-in client."""
    return Api(server.url)
