"""A client that repeats what was not answered, as ChRIS does, and takes every other answer at its word."""

import contextlib
import threading
import time
from collections.abc import Mapping
from typing import Any

import requests
from support.live import PASSWORD, USER

REPEATED = {503, 507}  # the service, its engine, database or disk is not there for now
PAUSE = 0.3  # seconds
HEALED = 180.0  # seconds after the last fault until which everything has to come to rest
TIMEOUT = 60.0  # seconds for one answer


class StuckError(Exception):
    """The time is over."""


class WrongError(Exception):
    """An answer that no client expects."""


class PatientClient:
    """Requests until an answer comes that is one. One object belongs to one thread.

    healed: set when no fault strikes any more: its patience ends HEALED seconds after it has seen that.
    """

    def __init__(self, url: str, healed: threading.Event) -> None:
        self._healed, self._until = healed, float("inf")
        self.unanswered = 0  # requests of which nothing is known
        self._url = url
        self._token = ""

    def ask(self, method: str, path: str, form: Mapping[str, Any] | None = None, data_file: bytes = b"") -> Any:
        """A requests.Response whose status is neither 401 nor of REPEATED, with a body that is whole.

        Raises StuckError, WrongError.
        """
        files = {"data_file": data_file} if data_file else None
        last = ""
        while True:
            self.pause(f"{method} {path}: {last}" if last else "")
            try:
                answer = self._once(method, path, data=form, files=files)
            except requests.RequestException as fault:
                self.unanswered += 1
                last = repr(fault)
                continue
            last = f"{answer.status_code} {answer.text[:300]}"
            if answer.status_code == 401:
                self._token = ""
            elif answer.status_code not in REPEATED:
                if answer.status_code >= 500 or not _is_readable(answer):
                    raise WrongError(f"{method} {path}: {last}")
                return answer

    def pause(self, last: str = "") -> None:
        """Wait a little before the next try. Raises StuckError when there is no time for it."""
        if last:
            time.sleep(PAUSE)
        if self._healed.is_set():
            self._until = min(self._until, time.monotonic() + HEALED)
        if time.monotonic() > self._until:
            raise StuckError(last or "no time is left")

    def _once(self, method: str, path: str, **body: Any) -> requests.Response:
        if not self._token:
            credentials = {"pfcon_user": USER, "pfcon_password": PASSWORD}
            answer = requests.post(self._url + "auth-token/", json=credentials, timeout=TIMEOUT)
            if answer.status_code != 200:
                return answer
            self._token = answer.json()["token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        return requests.request(method, self._url + path, headers=headers, timeout=TIMEOUT, **body)


def _is_readable(answer: requests.Response) -> bool:
    """Whether an answer is one of pfcon's: JSON, a zip, or nothing."""
    if answer.headers.get("Content-Type", "").startswith("application/zip") or answer.status_code == 204:
        return True
    with contextlib.suppress(ValueError):
        return isinstance(answer.json(), dict)
    return False
