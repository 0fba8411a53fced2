"""One live server for the interface's tests, on the process engine."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.client_shell import OTHER_IMAGE, ZIP, Shell
from support.live import Api, LiveServer, new_jid

from pfcon.testing.waiting import eventually


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


@pytest.fixture
def shell(server: LiveServer) -> Shell:
    """A user of the service, who gives its address without the path of the interface."""
    return Shell(f"http://127.0.0.1:{server.port}")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A directory with files."""
    directory = tmp_path / "in"
    (directory / "sub").mkdir(parents=True)
    (directory / "a.txt").write_text("alpha")
    (directory / "sub" / "größe.txt").write_text("beta")
    return directory


@pytest.fixture
def ended(api: Api) -> Iterator[str]:
    """A job that has failed with code 4."""
    jid = new_jid()
    assert api.submit(jid, "echo one; echo two; exit 4", ZIP, image=OTHER_IMAGE, auid="nina").status_code == 201
    api.wait(jid)
    yield jid
    api.delete(f"jobs/{jid}/")


@pytest.fixture
def running(api: Api) -> Iterator[str]:
    """A job that runs."""
    jid = new_jid()
    assert api.submit(jid, "echo begin; sleep 300", ZIP).status_code == 201
    assert eventually(lambda: api.get(f"jobs/{jid}/").json()["compute"]["status"] == "started")
    yield jid
    api.delete(f"jobs/{jid}/")
