"""A copy of the repository as a user has it, and bash to run parts of its scripts."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.shell import REPOSITORY, Bash, install, run


@pytest.fixture
def bash() -> Bash:
    """Run a piece of bash in the repository, with all checks on."""

    def call(script: str, *arguments: str, **env: Any) -> subprocess.CompletedProcess[str]:
        return run("bash", "-euo", "pipefail", "-c", script, "bash", *arguments, cwd=REPOSITORY, **env)

    return call


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A copy of the repository in a path with blanks, installed; what was started there is ended.

    Its environment is this one's Python, so that pip has nothing to do.
    """
    copy = tmp_path / "a clone" / "of pfcon"
    copy.mkdir(parents=True)
    for name in ("make.sh", "unmake.sh", "setup.cfg", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, copy)
    for name in ("dev", "sample", "pfcon", "kubernetes", "requirements"):
        shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    install(copy)
    yield copy
    run(copy / "unmake.sh", cwd=tmp_path)
