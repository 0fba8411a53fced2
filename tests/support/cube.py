"""Behaves as CUBE does towards a pfcon with the asynchronous interface: what it sends, in which order, what it reads.

Nothing is imported from CUBE or its client. A plugin instance is a jid, input directories, and an output directory
that CUBE makes in storage itself.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from pfcon.testing.waiting import PATIENCE, checks
from support.live import JOB_FIELDS, PASSWORD, USER, LiveServer, new_jid
from support.user_objects import UserObjects

FAILED = ("finishedWithError", "undefined")
ENV = ["CHRIS_USER_USERNAME=chris", "CHRIS_USER_EMAIL=", "CHRIS_WORKFLOW_PLG_INSTANCES=a=b:1,c d:2"]
COPY_LIMITS = {"cpu_limit": 1000, "memory_limit": 200}
Fields = Mapping[str, Any]


class Cancelled(Exception):
    """CUBE has cancelled the instance."""


@dataclass
class Instance:
    """One plugin instance. ``script`` is a shell's; ``$0`` is its input directory, ``$1`` its output directory."""

    script: str
    input_dirs: Sequence[str] = ()
    feed: str = "home/chris/feeds/feed_1"
    zip_file: bytes | None = None
    jid: str = field(default_factory=new_jid)

    @property
    def output_dir(self) -> str:
        """Where the outputs belong, relative to storage."""
        return f"{self.feed}/pl-test_{self.jid}/data"

    def fields(self) -> dict[str, Any]:
        """Those of the plugin request; what is empty is not sent."""
        kind = "ds" if self.input_dirs or self.zip_file else "fs"
        script = self.script if kind == "ds" else self.script.replace("$1", "$0")  # fs gets its output directory alone
        fields = {**JOB_FIELDS, "jid": self.jid, "type": kind, "args": [script], "env": ENV}
        return (
            fields if self.zip_file else {**fields, "input_dirs": list(self.input_dirs), "output_dir": self.output_dir}
        )


class Cube:
    """The requests of CUBE. ``sent`` has all of them, as ``"POST copyjobs"``; polling counts once.

    users: the objects that are CUBE's storage; else that is the server's storeBase.
    """

    def __init__(self, server: LiveServer, users: UserObjects | None = None) -> None:
        self.server, self.users = server, users
        credentials = {"pfcon_user": USER, "pfcon_password": PASSWORD}
        token = requests.post(server.url + "auth-token/", json=credentials, timeout=PATIENCE).json()["token"]
        assert len(token) < 500  # the column that CUBE stores it in
        self.headers = {"Authorization": f"Bearer {token}"}
        self.sent: list[str] = []
        info = self.get("pluginjobs/").json()
        self.innetwork: bool = info["pfcon_innetwork"]
        self.requires_copy: bool = info["requires_copy_job"]
        self.requires_upload: bool = info["requires_upload_job"]
        self.sent.clear()

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request, without a session, as CUBE's client makes it."""
        name = f"{method} {path.split('/', maxsplit=1)[0]}{'/file' if '/file/' in path else ''}"
        if self.sent[-1:] != [name]:
            self.sent.append(name)
        return requests.request(method, self.server.url + path, headers=self.headers, timeout=200, **options)

    def get(self, path: str) -> requests.Response:
        """GET below /api/v1/."""
        return self.request("GET", path)

    def post(self, kind: str, fields: Fields, data_file: bytes | None = None) -> requests.Response:
        """POST a job: urlencoded, or multipart with a ``data_file``."""
        files = None if data_file is None else {"data_file": data_file}
        return self.request("POST", f"{kind}jobs/", data=fields, files=files)

    def delete(self, kind: str, jid: str) -> requests.Response:
        """DELETE a job."""
        return self.request("DELETE", f"{kind}jobs/{jid}/")

    def submit(self, kind: str, fields: Fields, data_file: bytes | None = None) -> dict[str, str]:
        """POST, and what CUBE reads of the answer. Raises Cancelled."""
        return self._compute(self.post(kind, fields, data_file))

    def status(self, kind: str, jid: str) -> dict[str, str]:
        """What CUBE reads of a job's state. Raises Cancelled."""
        return self._compute(self.get(f"{kind}jobs/{jid}/"))

    def _compute(self, answer: requests.Response) -> dict[str, str]:
        if answer.status_code not in (200, 201):
            raise Cancelled(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}")
        compute: dict[str, str] = answer.json()["compute"]
        assert isinstance(compute["logs"], str)
        assert "\0" not in compute["logs"]  # CUBE's database refuses it at each poll
        assert isinstance(compute["status"], str)
        return compute

    def poll(self, kind: str, jid: str) -> dict[str, str]:
        """Ask until the job has ended, more often than CUBE does; its last ``compute`` object."""
        for _ in checks():
            compute = self.status(kind, jid)
            if compute["status"] in ("finishedSuccessfully", *FAILED):
                return compute
        raise AssertionError(f"the {kind} job has not ended in {PATIENCE} s: {compute}")

    def make_output_dir(self, instance: Instance) -> Path:
        """What CUBE does in a storage that has directories, before it asks for a copy or a plugin."""
        path = self.server.storebase / instance.output_dir
        path.mkdir(parents=True, exist_ok=True)
        return path

    def copy(self, instance: Instance) -> dict[str, str]:
        """The copy job. Raises Cancelled when it fails."""
        fields = {"input_dirs": list(instance.input_dirs), "output_dir": instance.output_dir, "jid": instance.jid}
        self.submit("copy", {**COPY_LIMITS, **fields})
        compute = self.poll("copy", instance.jid)
        if compute["status"] in FAILED:
            raise Cancelled(f"CODE18: {compute['message']}\n{compute['logs']}")
        return compute

    def start(self, instance: Instance) -> None:
        """All up to the running plugin. Raises Cancelled."""
        if self.innetwork and self.users is None:
            self.make_output_dir(instance)
        if self.requires_copy:
            self.copy(instance)
        self.submit("plugin", instance.fields(), instance.zip_file)

    def run(self, instance: Instance) -> tuple[dict[str, str], set[str]]:
        """An instance's life up to its registered files: the plugin's last ``compute``, the names. Raises Cancelled."""
        self.start(instance)
        compute = self.poll("plugin", instance.jid)
        if compute["status"] == "undefined":
            raise Cancelled(f"CODE10: {compute['message']}")
        if self.requires_upload:
            self.submit("upload", {**COPY_LIMITS, "job_output_path": instance.output_dir, "jid": instance.jid})
            self.poll("upload", instance.jid)
            compute = self.status("plugin", instance.jid)
        return compute, self.register(instance)

    def register(self, instance: Instance) -> set[str]:
        """Fetch the outputs' names and check them as CUBE does. Raises Cancelled."""
        path = f"pluginjobs/{instance.jid}/file/"
        if not self.innetwork:
            with zipfile.ZipFile(io.BytesIO(self.get(path).content)) as archive:
                return set(archive.namelist())
        answer = self.get(f"{path}?job_output_path={instance.output_dir}")  # unencoded, as CUBE's client leaves it
        if answer.status_code != 200:
            raise Cancelled(f"CODE03: {answer.text}")
        listed = answer.json()
        if listed["job_output_path"] != instance.output_dir:
            raise Cancelled(f"CODE16: {listed['job_output_path']!r} is not {instance.output_dir!r}")
        if not set(listed["rel_file_paths"]) <= self.stored(instance):
            raise Cancelled("CODE14: not all files appeared in storage")
        return set(listed["rel_file_paths"])

    def stored(self, instance: Instance) -> set[str]:
        """What CUBE finds below the output directory in its own storage, by relative names."""
        if self.users is not None:
            return set(self.users.names(instance.output_dir + "/"))
        root = self.server.storebase / instance.output_dir
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}

    def clean_up(self, instance: Instance) -> dict[str, str]:
        """What ends each instance, and is all that CUBE does to cancel one. Gives the delete job's ``compute``."""
        self.submit("delete", {"jid": instance.jid})
        compute = self.poll("delete", instance.jid)
        assert compute["status"] == "finishedSuccessfully", compute
        for kind in self.kinds():
            answer = self.delete(kind, instance.jid)
            assert answer.status_code == 204, answer.text
        return compute

    def kinds(self) -> list[str]:
        """Kinds of jobs that CUBE deletes at the end."""
        return [
            *(["copy"] if self.requires_copy else []),
            "plugin",
            *(["upload"] if self.requires_upload else []),
            "delete",
        ]
