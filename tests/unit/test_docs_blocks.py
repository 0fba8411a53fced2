"""The blocks of code of the documentation that need no engine: they run as they are.

``<!-- run -->`` before a block has it run to its end, ``<!-- serve -->`` until the service that it starts answers.
"""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from support.documentation import PAGES, ROOT, SETTINGS, name_of
from support.markdown import Block
from support.ports import free_port

from pfcon.testing.waiting import PATIENCE, eventually

BLOCKS = [(name_of(page), block) for page in PAGES for block in page.blocks]
MARKED = [(name, block) for name, block in BLOCKS if block.marker in ("run", "serve")]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """That of a user who has set nothing, with this pfcon on PATH; what is run finds a storeBase of its own."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "pfcon").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pfcon "$@"\n')
    (commands / "pfcon").chmod(0o755)
    ours = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return ours | {"PYTHONPATH": str(ROOT), "PATH": f"{commands}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("name", "block"), [one for one in MARKED if one[1].marker == "run"], ids=lambda one: str(one)[:40]
)
def test_a_block_that_needs_no_engine_runs(name: str, block: Block, tmp_path: Path, environ: dict[str, str]) -> None:
    script = block.text.replace("/tmp/storeBase", str(tmp_path / "storeBase"))
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    assert "FAILED" not in done.stdout


@pytest.mark.parametrize(
    ("name", "block"), [one for one in MARKED if one[1].marker == "serve"], ids=lambda one: str(one)[:40]
)
def test_a_block_that_serves_does(name: str, block: Block, tmp_path: Path, environ: dict[str, str]) -> None:
    script = block.text.replace("/tmp/storeBase", str(tmp_path / "storeBase"))
    port = free_port()
    with open(tmp_path / "log", "wb") as log:
        service = subprocess.Popen(
            ["bash", "-euc", script],
            cwd=tmp_path,
            env=environ | {"PFCON_BIND": f"127.0.0.1:{port}"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        assert eventually(lambda: _is_well(port)), f"{name}: {(tmp_path / 'log').read_text()}"
    finally:
        os.killpg(service.pid, signal.SIGTERM)
        service.wait(PATIENCE)


def _is_well(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health/", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


def test_every_block_that_needs_no_engine_is_run() -> None:
    """Those that run pfcon with jobs as processes have a marker, which readers don't see."""
    assert MARKED
    runnable = [
        (name, block.text)
        for name, block in BLOCKS
        if "CONTAINER_ENV=process" in block.text and re.search(r"\bpfcon (check|serve)\b", block.text)
    ]
    assert not [one for one in runnable if one not in [(name, block.text) for name, block in MARKED]]
