"""The released python-pfconclient 4 in a process of its own: its Client class, and its command line."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from pfcon.testing.waiting import PATIENCE
from support.engines import client4
from support.live import PASSWORD, USER

BRIDGE = Path(__file__).with_name("client4_bridge.py")


class Client4Error(Exception):
    """What the client raised: the name of its class, and the HTTP status where there was one."""

    def __init__(self, name: str, code: int | None, text: str) -> None:
        super().__init__(f"{name} {code}: {text}")
        self.name = name
        self.code = code


class Client4:
    """A Client of release 4; a context manager. ``url`` is that of a pfcon."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(BRIDGE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environ()
        )
        if token is None:
            self("login", url, USER, PASSWORD)
        else:
            self("use_token", url, token)

    def __call__(self, method: str, *arguments: Any) -> Any:
        """Call a method of the Client; job types are their values (``"copy"``). Raises Client4Error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([method, arguments]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise Client4Error(answer["error"], answer["code"], answer["text"])
        return answer["result"]

    def __enter__(self) -> "Client4":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=PATIENCE)  # it ends with its input


def command_line(url: str, *words: str) -> str:
    """Run ``python -m pfconclient``; what it printed. Fails the test when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "pfconclient", url, *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=_environ(),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": client4()}
