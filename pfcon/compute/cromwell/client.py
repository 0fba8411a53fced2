"""The calls to a Cromwell server ("REST API" in its manual, version v1); translates its errors to pfcon's."""

import json
import os
from dataclasses import dataclass
from typing import Any

import requests
import urllib3

from pfcon.compute.unanswered import NoAnswer
from pfcon.compute.unreadable import FAULTS, reading, unread
from pfcon.compute.words import plain
from pfcon.errors import Absent, PfconError, Refused, Unreachable
from pfcon.network import explain

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 30.0  # seconds without a byte
PAGE, ACTIVE_PAGE = 50, 1000  # workflows of one answer; each takes about 700 bytes
MAX_PAGES = 20
POOL_SIZE = 64
_MAX_ANSWER = 8 * 1024 * 1024  # bytes; usual answers have a few KiB
# Of the statuses in its REST API reference; pfcon submits no workflow ``On Hold``, which some releases do not accept.
ACTIVE = ("Submitted", "Running", "Aborting")
_API = "api/workflows/v1"


@dataclass(frozen=True)
class Found:
    """A workflow that a query has found."""

    id: str
    labels: dict[str, str]
    status: str


class CromwellCalls:
    """One server's API. Thread-safe, but not usable after a fork: ``pid`` is the process that may use it.

    All methods raise Unreachable, or its subclass NoAnswer, and Refused with Cromwell's text. Those with the id of a
    workflow raise Absent if Cromwell does not know the workflow. A new one becomes known some time after Cromwell's
    answer.
    """

    def __init__(self, url: str) -> None:
        self.where = url.rstrip("/")
        self.pid = os.getpid()
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy for the internet does not reach a server of the site
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=POOL_SIZE))

    def version(self) -> str:
        """Return Cromwell's version."""
        return str(self._ask("GET", "engine/v1/version").get("cromwell", "of an unknown version"))

    def backends(self) -> list[str]:
        """Return the names of the backends in Cromwell's configuration."""
        return [str(name) for name in self._ask("GET", f"{_API}/backends").get("supportedBackends", [])]

    def submit(self, source: str, labels: dict[str, str], options: dict[str, object]) -> str:
        """Start a workflow and return its id."""
        files = {
            "workflowSource": ("job.wdl", source.encode(), "text/plain"),
            "workflowType": (None, b"WDL"),
            "workflowTypeVersion": (None, b"1.0"),
            "labels": ("labels.json", json.dumps(labels).encode(), "application/json"),
            "workflowOptions": ("options.json", json.dumps(options).encode(), "application/json"),
        }
        answer = self._ask("POST", _API, files=files)
        if not answer.get("id"):
            raise Unreachable(f"Cromwell at {self.where} has returned no workflow id")
        return str(answer["id"])

    def find(self, labels: dict[str, str], since: str = "") -> list[Found]:
        """Return the workflows with all these labels, the newest first.

        since: submitted at that time (ISO 8601) or later. Workflows of the last second or so may be missing, because
        Cromwell updates the data for its queries only from time to time.
        """
        found = self._query(labels, [("submission", since)] if since else [], PAGE)
        return [one for _, one in sorted(found, key=lambda pair: pair[0], reverse=True)]

    def active(self, labels: dict[str, str]) -> list[Found]:
        """Return the workflows with all these labels that have not ended, as of a second or so ago."""
        return [one for _, one in self._query(labels, [("status", status) for status in ACTIVE], ACTIVE_PAGE)]

    def _query(self, labels: dict[str, str], more: list[tuple[str, str]], size: int) -> list[tuple[str, Found]]:
        """Return the workflows that a query finds, each with the time of its submission. size: of a page."""
        found: list[tuple[str, Found]] = []
        query: list[tuple[str, str]] = [("label", f"{key}:{value}") for key, value in labels.items()]
        query += [*more, ("additionalQueryResultFields", "labels"), ("pagesize", str(size))]
        for page in range(1, MAX_PAGES + 1):
            answer = self._ask("GET", f"{_API}/query", params=[*query, ("page", str(page))])
            results = answer.get("results") or []
            for one in results:
                try:
                    found.append((str(one.get("submission", "")), _found(one)))
                except FAULTS as fault:
                    unread("a workflow that Cromwell has found", fault)
            if not results or page * size >= _count(answer):
                break
        return found

    def status(self, workflow: str) -> str:
        """Return Cromwell's status of a workflow."""
        return str(self._ask("GET", f"{_API}/{workflow}/status").get("status"))

    def metadata(self, workflow: str, keys: tuple[str, ...]) -> dict[str, Any]:
        """Return the fields of a workflow and of its calls whose names begin with one of ``keys``."""
        return self._ask("GET", f"{_API}/{workflow}/metadata", params=[("includeKey", key) for key in keys])

    def abort(self, workflow: str) -> None:
        """Abort a workflow; no-op if it has ended."""
        try:
            self._ask("POST", f"{_API}/{workflow}/abort")
        except Absent:  # Cromwell returns 404 also for a workflow that has ended
            return

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            with self._session.request(
                method,
                f"{self.where}/{path}",
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                stream=True,
                allow_redirects=False,
                **options,
            ) as answer:
                raw = answer.raw.read(_MAX_ANSWER + 1, decode_content=True)
                code = answer.status_code
        except (OSError, urllib3.exceptions.HTTPError) as fault:  # requests' errors are OSErrors
            found = explain(fault)
            message = f"Cromwell at {self.where} does not answer: {found.reason}"
            raise NoAnswer(message, may_have_arrived=found.may_have_arrived) from fault
        return self._read(code, raw)

    def _read(self, code: int, raw: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(raw) if len(raw) <= _MAX_ANSWER else None
        except ValueError:
            answer = None
        if 200 <= code < 300 and isinstance(answer, dict):
            return answer
        raise error_of(code, answer, raw)


def _found(result: dict[str, Any]) -> Found:
    return Found(str(result["id"]), dict(result.get("labels") or {}), str(result.get("status") or ""))


def _count(answer: dict[str, Any]) -> int:
    return reading("Cromwell's count", lambda: int(answer.get("totalResultsCount", 0)), lambda _: 0)


def error_of(code: int, answer: Any, raw: bytes) -> PfconError:
    """Return pfcon's error for an HTTP response that is not as expected. answer: its JSON, None if it is not JSON."""
    words = ""
    if isinstance(answer, dict):  # REST API, "Error handling"
        words = "; ".join(str(text) for text in [answer.get("message", ""), *(answer.get("errors") or [])] if text)
    words = plain(words or raw[:500].decode("utf-8", "replace")) or f"status {code}"
    if code == 404:
        return Absent(f"Cromwell reports: {words}")
    if 400 <= code < 500 and code not in (408, 429):
        return Refused(f"Cromwell refuses: {words}")
    if code < 400:
        return Unreachable(f"the service at CROMWELL_URL is not a Cromwell server: {words}")
    return Unreachable(f"Cromwell can't do that now: {words}")
