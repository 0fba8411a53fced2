"""Requests to pfcon, as a client makes them. Standard library alone."""

from __future__ import annotations

import http.client
import json
import shutil
import tempfile
import uuid
import zipfile
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

REQUEST_SECONDS = 120.0
FORM = "application/x-www-form-urlencoded"
Fields = list[tuple[str, str]]


class SampleError(Exception):
    """Why the sample did not end well."""


class Client:
    """The requests of one user to one pfcon. Each may raise SampleError.

    ``kind`` is a resource: ``jobs``, or ``copyjobs``, ``pluginjobs``, ``uploadjobs`` or ``deletejobs``.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._headers: dict[str, str] = {}

    def log_in(self, user: str, password: str) -> None:
        """Get a token; all later requests carry it."""
        body = json.dumps({"pfcon_user": user, "pfcon_password": password}).encode()
        answer = self._json("POST", "auth-token/", body, {"Content-Type": "application/json"})
        self._headers = {"Authorization": f"Bearer {answer['token']}"}

    def info(self, kind: str = "jobs") -> dict[str, Any]:
        """What this server is."""
        return self._json("GET", f"{kind}/")

    def submit(self, fields: Fields, inputs: Path) -> dict[str, Any]:
        """Post a job to ``jobs/`` with the files below ``inputs``."""
        with tempfile.TemporaryFile() as body:
            boundary = write_form(body, fields, inputs)
            headers = {
                "Content-Type": f"multipart/form-data; boundary={boundary}",
                "Content-Length": str(body.tell()),
            }
            body.seek(0)
            return self._json("POST", "jobs/", body, headers)

    def post(self, kind: str, fields: Fields) -> dict[str, Any]:
        """Post a job that needs no upload."""
        return self._json("POST", f"{kind}/", urlencode(fields).encode(), {"Content-Type": FORM})

    def status(self, jid: str, kind: str = "jobs") -> dict[str, Any]:
        """The job's present state."""
        compute: dict[str, Any] = self._json("GET", f"{kind}/{jid}/")["compute"]
        return compute

    def download(self, jid: str, target: IO[bytes]) -> None:
        """Write the zip of the job's outputs to ``target``."""
        with self._request("GET", f"jobs/{jid}/file/") as answer:
            shutil.copyfileobj(answer, target)

    def listing(self, jid: str, job_output_path: str) -> list[str]:
        """The outputs of a job in-network, relative to ``job_output_path``."""
        path = f"pluginjobs/{jid}/file/?job_output_path={quote(job_output_path)}"
        paths: list[str] = self._json("GET", path)["rel_file_paths"]
        return paths

    def delete(self, jid: str, kind: str = "jobs") -> None:
        """Forget the job."""
        self._request("DELETE", f"{kind}/{jid}/").close()

    def _json(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        with self._request(method, path, body, headers) as answer:
            content: dict[str, Any] = json.load(answer)
            return content

    def _request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=REQUEST_SECONDS)
        all_headers = self._headers | {"Connection": "close"} | (headers or {})
        connection.request(method, self._url.path + path, body, all_headers)
        answer = connection.getresponse()
        if answer.status not in (http.client.OK, http.client.CREATED, http.client.NO_CONTENT):
            text = answer.read(2000).decode("utf-8", "replace").strip()
            raise SampleError(f"{method} {path}: {answer.status} {answer.reason}: {text}")
        return answer


def write_form(body: IO[bytes], fields: Fields, inputs: Path) -> str:
    """Write a multipart form to ``body``: the fields, then the inputs as a zip. Gives back its boundary."""
    boundary = uuid.uuid4().hex
    for name, value in fields:
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        body.write(part.encode())
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="data_file"; filename="data_file"\r\n\r\n'
    body.write(part.encode())
    with tempfile.TemporaryFile() as packed:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(path for path in inputs.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(inputs).as_posix())
        packed.seek(0)
        shutil.copyfileobj(packed, body)
    body.write(f"\r\n--{boundary}--\r\n".encode())
    return boundary
