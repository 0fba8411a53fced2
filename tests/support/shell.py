"""Runs the shell scripts of this repository, and looks at what they left."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
Bash = Callable[..., subprocess.CompletedProcess[str]]


def run(*words: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program with this Python for the scripts; no exception when it fails."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PFCON_", "DOCKER_"))}
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=ours | {"PYTHON": sys.executable} | env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def install(copy: Path) -> None:
    """Make the environment that make.sh would make."""
    commands = copy / ".venv/bin"
    commands.mkdir(parents=True)
    for name, module in (("python", ""), ("pfcon", " -m pfcon")):
        (commands / name).write_text(f"#!/bin/sh\nPYTHONPATH='{copy}' exec '{sys.executable}'{module} \"$@\"\n")
        (commands / name).chmod(0o755)
    stamp = run("bash", "-euc", '. dev/venv.sh; venv_stamp "$PYTHON" ""', cwd=copy)
    assert stamp.returncode == 0, stamp.stderr
    (copy / ".venv/stamp").write_text(stamp.stdout)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which its parent has not asked about yet, does not. proc_pid_stat(5)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
