"""The docker engine before it is reached: nothing is loaded, and an address that does not work is named."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.settings import compute_settings, docker_at

from pfcon.compute.docker.engine import DockerEngine
from pfcon.errors import Unreachable


def test_importing_the_engine_does_not_import_the_sdk() -> None:
    look = "[name for name in ('docker', 'requests', 'urllib3') if name in sys.modules]"
    code = f"import sys, pfcon.compute.docker.engine; print({look})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:1", "unix:///nonexistent.sock", "foo://x", "tcp://"])
def test_an_address_that_does_not_work_is_named(host: str) -> None:
    engine = DockerEngine(compute_settings(), docker_at(host), Path("/"))
    with pytest.raises(Unreachable, match=host):
        engine.check()
