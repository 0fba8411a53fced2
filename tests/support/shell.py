"""Runs the shell scripts of this repository, and looks at what they left."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
Bash = Callable[..., subprocess.CompletedProcess[str]]


def run(*words: str | Path, cwd: Path, timeout: float = 300, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program with this Python for the scripts; no exception when it fails. timeout: seconds."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PFCON_", "DOCKER_"))}
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=ours | {"PYTHON": sys.executable} | env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def install(copy: Path) -> None:
    """Make the environment that make.sh would make."""
    _environment(copy / ".venv", {"python": f"'{sys.executable}'", "pfcon": f"'{sys.executable}' -m pfcon"}, copy)
    _stamp(copy, ".venv", 'venv_stamp "$PYTHON" ""')


def install_swift(copy: Path, python: str) -> None:
    """Make the environment of Swift that make.sh would make, of a Python that has it."""
    _environment(copy / ".venv-swift", {"python": f"'{python}'"}, copy / "dev")
    _stamp(copy, ".venv-swift", '. dev/processes.sh; STATE_DIR=; . dev/store.sh; tool_stamp "$PYTHON" "$STORE_LOCK"')


def _environment(directory: Path, commands: dict[str, str], path: Path) -> None:
    (directory / "bin").mkdir(parents=True)
    for name, words in commands.items():
        (directory / "bin" / name).write_text(f"#!/bin/sh\nPYTHONPATH='{path}' exec {words} \"$@\"\n")
        (directory / "bin" / name).chmod(0o755)


def _stamp(copy: Path, directory: str, command: str) -> None:
    stamp = run("bash", "-euc", f". dev/venv.sh; {command}", cwd=copy)
    assert stamp.returncode == 0, stamp.stderr
    (copy / directory / "stamp").write_text(stamp.stdout)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which its parent has not asked about yet, does not. proc_pid_stat(5)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
