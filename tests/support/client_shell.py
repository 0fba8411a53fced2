"""Types pfcon's commands for a service's users."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pfcon
from pfcon.testing.waiting import PATIENCE
from support.live import PASSWORD, USER, Api, make_zip

PLUGIN = ["--", "sh", "-c"]
ZIP = make_zip({"a.txt": "alpha"})
OTHER_IMAGE = "local/client-commands:1"


class Shell:
    """Types commands for one service, with nothing else in the environment."""

    def __init__(self, url: str, **environ: str) -> None:
        source = str(Path(pfcon.__file__).parents[1])
        login = {"PFCON_URL": url, "PFCON_USER": USER, "PFCON_PASSWORD": PASSWORD}
        self.environ = {"PYTHONPATH": source, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **login, **environ}

    def start(self, *words: str, redirect: str = "", **options: Any) -> subprocess.Popen[str]:
        """Start a command whose output is read as it comes. redirect: for ``sh``, such as ``>&-``."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        command = ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-m", "pfcon", *words]
        return subprocess.Popen(command, env=self.environ, text=True, **streams)

    def __call__(self, *words: str, redirect: str = "") -> subprocess.CompletedProcess[str]:
        with self.start(*words, redirect=redirect) as process:
            out, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def json(self, *words: str) -> list[Any]:
        """The documents of a command that succeeds."""
        done = self(words[0], "--json", *words[1:])
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


def read_until(process: subprocess.Popen[str], line: str) -> None:
    """Read the output of a command up to that line."""
    assert process.stdout is not None
    for found in process.stdout:
        if found.rstrip("\n") == line:
            return
    raise AssertionError(f"{line!r} has not come")


def is_recorded(api: Api, jid: str) -> bool:
    """Whether the service knows a job."""
    return api.get(f"records/{jid}/").status_code == 200
