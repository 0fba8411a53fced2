"""Lets tests use python-pfconclient 4, whose module has the name of the older release that they import themselves.

A program: reads lines ``[method, arguments]`` in JSON, calls that method of a Client, and answers each with a line
``{"result": …}`` or ``{"error": class, "code": …, "text": …}``. The first line is ``["login", [url, user, password]]``,
or ``["use_token", [url, token]]``. In place of a file, ``submit_job`` takes the directory to zip.
"""

import json
import sys
from importlib.metadata import version
from typing import Any

from pfconclient import client as released

JOB_METHODS = ("submit_job", "get_job_status", "poll_job_status", "delete_job")  # their first argument is a JobType


class Bridge:
    """One Client."""

    def __init__(self) -> None:
        self._client: Any = None

    def call(self, method: str, arguments: list[Any]) -> Any:
        """Call a method of the Client, or one of those below."""
        if method in ("login", "use_token", "version"):
            return getattr(self, method)(*arguments)
        if method in JOB_METHODS:
            arguments[0] = released.JobType(arguments[0])
        if method == "submit_job" and len(arguments) == 4:
            arguments[3] = self._client.create_zip_file(arguments[3])
        return getattr(self._client, method)(*arguments)

    def login(self, url: str, user: str, password: str) -> None:
        """Get a token and a Client that uses it."""
        self.use_token(url, released.Client.get_auth_token(url + "auth-token/", user, password))

    def use_token(self, url: str, token: str) -> None:
        """Get a Client with that token."""
        self._client = released.Client(url, token)
        self._client.initial_wait = 0.1  # seconds, doubled for each poll

    def version(self) -> str:
        """The release."""
        return version("python-pfconclient")


def main() -> None:
    """Serve until the end of the input."""
    answers, sys.stdout = sys.stdout, sys.stderr  # the client prints its progress
    bridge = Bridge()
    for line in sys.stdin:
        method, arguments = json.loads(line)
        try:
            answer = {"result": bridge.call(method, arguments)}
        except Exception as error:  # noqa: BLE001 - it is the other process's to raise
            answer = {"error": type(error).__name__, "code": getattr(error, "code", None), "text": str(error)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
