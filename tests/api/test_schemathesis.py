"""schemathesis makes requests from the OpenAPI document, right and wrong ones, and judges the answers by it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.live import Api, LiveServer

from pfcon.files.removal import remove_tree

EXAMPLES = 10  # of each operation, besides those that cover each constraint of its fields
TIME = 300  # seconds; it takes about 20
STREAM = "/api/v1/events/"  # a stream lasts ten minutes
UNJUDGED = "negative_data_rejection"  # of forms with a file: what the hooks make right, it still takes for wrong
TESTS = Path(__file__).parents[1]


@pytest.fixture(params=["zipfile", "filesystem"])
def target(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """A service of its own: jobs of any name are not for other tests to meet."""
    innetwork = str(request.param != "zipfile").lower()
    with tempfile.TemporaryDirectory(prefix="pfcon-schemathesis-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        with LiveServer(storebase, {"STORAGE_ENV": request.param, "PFCON_INNETWORK": innetwork}) as live:
            yield live
        remove_tree(storebase)


@pytest.mark.slow
@pytest.mark.timeout(TIME + 60)
def test_it_finds_nothing(target: LiveServer, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", target.url + "openapi.json"),
        *("--header", f"Authorization: {Api(target.url).headers['Authorization']}"),
        *("--exclude-path", STREAM, "--checks", "all", "--phases", "coverage,fuzzing"),
        *("--max-examples", str(EXAMPLES), "--generation-deterministic", "--continue-on-failure"),
        *("--request-timeout", "60", "--warnings", "off"),
    ]
    if target.environ["STORAGE_ENV"] == "zipfile":
        command += ["--exclude-checks", UNJUDGED]
    environ = {**os.environ, "SCHEMATHESIS_HOOKS": "support.schemathesis_hooks", "NO_COLOR": "1"}
    environ["PFCON_TEST_STORAGE"] = target.environ["STORAGE_ENV"]
    environ["PYTHONPATH"] = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=TIME, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "Traceback" not in target.log_path.read_text()
