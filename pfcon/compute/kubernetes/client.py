"""The calls to an API server. Imports the official client: import it on first use."""

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from pfcon.compute.kubernetes.connection import Connection
from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.kubernetes.faults import error_of, no_answer, status_text
from pfcon.compute.kubernetes.spec import CONTAINER
from pfcon.errors import Absent, Unreachable

Json = dict[str, Any]
Query = dict[str, str | int]

_CONNECT, _READ = 15.0, 30.0  # seconds
_PAGE = 500  # objects of one answer to a list
_MAX_ERROR = 64 * 1024
_CHUNK = 64 * 1024
_MERGE = "application/merge-patch+json"


class KubernetesCalls:
    """One API server and namespace. Thread-safe, but only in the process that has created it.

    Raises NoAnswer, Unreachable, Absent, Conflict or Refused with the server's text.
    """

    def __init__(self, settings: KubernetesSettings) -> None:
        """Does not connect. Raises Unreachable for a configuration that can't be used."""
        self._connection = Connection(settings.kubeconfig)
        self._namespace = settings.namespace
        self.where = self._connection.where
        self.pid = os.getpid()

    def version(self) -> str:
        """Return the server's version, such as v1.34.9."""
        return str(self._json("GET", "/version").get("gitVersion") or "of an unknown version")

    def create_job(self, manifest: Json) -> Json:
        """Create a Job. Servers since 1.25 refuse an unknown field; earlier ones ignore it."""
        return self._json("POST", self._jobs(), query={"fieldValidation": "Strict"}, body=manifest)

    def job(self, name: str) -> Json:
        """Return one Job. Raises Unreachable for an answer that is not a Job."""
        found = self._json("GET", self._jobs(name))
        parts = [found.get(key) for key in ("metadata", "spec")]
        if [type(part) for part in parts] != [dict, dict]:
            raise Unreachable(f"the answer of Kubernetes about job {name} can't be read")
        return found

    def is_being_deleted(self, name: str) -> bool:
        """Return whether a Job is being deleted, or was deleted."""
        try:
            return bool(self.job(name)["metadata"].get("deletionTimestamp"))
        except Absent:
            return True

    def patch_job(self, name: str, patch: Json) -> Json:
        """Change a Job (JSON merge patch). Raises Refused if the patch has the uid of another Job."""
        return self._json("PATCH", self._jobs(name), body=patch)

    def delete_job(self, name: str, uid: str) -> None:
        """Begin to delete a Job and its pods; it exists until these have ended. Raises Conflict for another uid."""
        options = {"propagationPolicy": "Foreground", "preconditions": {"uid": uid}}
        self._json("DELETE", self._jobs(name), body=options)

    def pods_of(self, job: str) -> list[Json]:
        """Return the pods with a Job's name as label, also those of an earlier Job of that name."""
        return [pod for page in self.pages("pods", f"job-name={job}") for pod in page["items"]]

    def events_of(self, uid: str) -> list[Json]:
        """Return events about an object, at most 500. Raises Refused without the right to list events."""
        query: Query = {"fieldSelector": f"involvedObject.uid={uid}", "limit": _PAGE}
        page = self._json("GET", "/".join(["/api/v1/namespaces", self._namespace, "events"]), query)
        return [event for event in page.get("items") or [] if isinstance(event, dict)]

    def patch_pod(self, name: str, patch: Json) -> None:
        """Change a pod (JSON merge patch)."""
        self._json("PATCH", self._pods(name), body=patch)

    @contextlib.contextmanager
    def pod_log(self, pod: str, tail_lines: int) -> Iterator[Iterator[bytes]]:
        """Stream the last lines of a pod's log. Raises Refused if its container was not started yet."""
        query: Query = {"container": CONTAINER, "tailLines": tail_lines}
        with self._ask("GET", self._pods(pod, "log"), query) as answer:
            yield answer.stream(_CHUNK)

    @contextlib.contextmanager
    def pod_log_since(self, pod: str, second: int) -> Iterator[Iterator[bytes]]:
        """Stream a pod's log with the times of its lines, from a time in seconds since the epoch; 0: all of it."""
        query: Query = {"container": CONTAINER, "timestamps": "true"}
        if second:
            query["sinceTime"] = datetime.fromtimestamp(second, UTC).isoformat()
        with self._ask("GET", self._pods(pod, "log"), query) as answer:
            yield answer.stream(_CHUNK)

    def pages(self, resource: str, selector: str) -> Iterator[Json]:
        """Yield lists of limited length, which together contain all jobs or pods of a selector."""
        query: Query = {"labelSelector": selector, "limit": _PAGE}
        while True:
            page = self._json("GET", self._path(resource), query)
            metadata = page.get("metadata")
            if not isinstance(metadata, dict) or not isinstance(page.setdefault("items", []), list):
                raise Unreachable(f"the service at {self.where} is not Kubernetes: it returns no list of {resource}")
            yield page
            if not metadata.get("continue"):
                return
            query["continue"] = metadata["continue"]

    @contextlib.contextmanager
    def watch(self, resource: str, selector: str, version: str, seconds: int) -> Iterator[Iterator[Json]]:
        """Stream the events of jobs or pods after a resourceVersion, for some seconds. Raises Expired if it is too old.

        Kubernetes API concepts, "Efficient detection of changes"; bookmarks are requested.
        """
        query: Query = {"labelSelector": selector, "resourceVersion": version, "timeoutSeconds": seconds}
        query |= {"watch": 1, "allowWatchBookmarks": "true"}
        with self._ask("GET", self._path(resource), query, timeout=seconds + _CONNECT) as answer:
            yield _events(answer)

    def _path(self, resource: str) -> str:
        return self._jobs() if resource == "jobs" else self._pods()

    def _jobs(self, *name: str) -> str:
        return "/".join(["/apis/batch/v1/namespaces", self._namespace, "jobs", *name])

    def _pods(self, *name: str) -> str:
        return "/".join(["/api/v1/namespaces", self._namespace, "pods", *name])

    def _json(self, method: str, path: str, query: Query | None = None, *, body: Json | None = None) -> Json:
        with self._ask(method, path, query, body=body) as answer:
            found = json.loads(answer.data)
            if not isinstance(found, dict):
                raise ValueError("the answer is not a JSON object")
            return found

    @contextlib.contextmanager
    def _ask(
        self, method: str, path: str, query: Query | None = None, *, body: Json | None = None, timeout: float = _READ
    ) -> Iterator[BaseHTTPResponse]:
        """Make a request without retries; yield its response, and close it. Raises an error for an error status."""
        headers = {**self._connection.identity(), "Accept": "application/json, */*", "User-Agent": "pfcon"}
        if body is not None:
            headers["Content-Type"] = _MERGE if method == "PATCH" else "application/json"
        url = f"{self.where}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            answer = self._connection.pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=Timeout(connect=_CONNECT, read=timeout),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            with contextlib.closing(answer):  # if it was read to its end, its connection is reused
                if answer.status >= 300:
                    raise error_of(answer.status, status_text(answer.read(_MAX_ERROR)))
                yield answer
        except (HTTPError, OSError, ValueError) as fault:
            raise no_answer(self.where, fault) from fault


def _events(answer: BaseHTTPResponse) -> Iterator[Json]:
    """Yield the events of a watch, one JSON object per line. Raises Expired and other errors for error events."""
    rest = b""
    for chunk in answer.stream(_CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in filter(None, lines):
            event: Json = json.loads(line)
            if event["type"] == "ERROR":
                status = event["object"]
                raise error_of(int(status.get("code") or 410), str(status.get("message")))
            yield event
