"""One jid of the staged interface, driven as CUBE drives it."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import requests

from pfcon.testing.waiting import PATIENCE

from .containers import Container
from .live import JOB_FIELDS, Api, LiveServer, await_end, new_jid

INNETWORK = {"PFCON_INNETWORK": "true", "STORAGE_ENV": "fslink"}


class StagedJob:
    """A job on a server whose storeBase is the users' storage too."""

    def __init__(self, server: LiveServer | Container, input_dir: str = "home/bob/data") -> None:
        self.server = server
        self.api = Api(server.url)
        self.jid = new_jid()
        self.input_dir = input_dir
        self.output_dir = f"home/bob/feeds/{self.jid}/data"

    @property
    def live(self) -> LiveServer:
        """The server, where it is a process of this machine."""
        assert isinstance(self.server, LiveServer)
        return self.server

    @property
    def key(self) -> Path:
        """The job's own directory, where the server's storeBase is a directory of this machine."""
        return self.live.storebase / f"key-{self.jid}"

    def post(self, kind: str, **fields: Any) -> requests.Response:
        """POST a job of some kind."""
        return self.api.post(f"{kind}jobs/", {"jid": self.jid, **fields})

    def copy(self, *input_dirs: str) -> requests.Response:
        """POST the copy job."""
        dirs = list(input_dirs) or [self.input_dir]
        return self.post("copy", input_dirs=dirs, output_dir=self.output_dir, memory_limit=200)

    def plugin(self, script: str, *input_dirs: str, **fields: Any) -> requests.Response:
        """POST the plugin job: a shell script; ``$0`` is the input directory, ``$1`` the output directory."""
        dirs = list(input_dirs) or [self.input_dir]
        shell = {**JOB_FIELDS, "args": [script], "input_dirs": dirs, "output_dir": self.output_dir}
        return self.post("plugin", **{**shell, **fields})

    def upload(self) -> requests.Response:
        """POST the upload job."""
        return self.post("upload", job_output_path=self.output_dir)

    def uploaded(self) -> dict[str, str]:
        """POST the upload job and wait for its end."""
        answer = self.upload()
        assert answer.status_code == 201, answer.text
        return self.wait("upload")

    def delete(self) -> requests.Response:
        """POST the delete job."""
        return self.post("delete")

    def get(self, kind: str) -> requests.Response:
        """GET a job of some kind."""
        return self.api.get(f"{kind}jobs/{self.jid}/")

    def wait(self, kind: str, timeout: float = PATIENCE) -> dict[str, str]:
        """Poll until the job has ended; its ``compute`` object."""
        return await_end(lambda: self.get(kind), timeout)

    def copied(self, *input_dirs: str) -> dict[str, str]:
        """POST the copy job and wait for its end."""
        answer = self.copy(*input_dirs)
        assert answer.status_code == 201, answer.text
        return self.wait("copy")

    def files(self) -> requests.Response:
        """GET the list of outputs."""
        return self.api.get(f"pluginjobs/{self.jid}/file/?job_output_path={self.output_dir}")

    def operation_pids(self) -> list[int]:
        """The processes that execute an operation on the job's directory, not their supervisors."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if b"pfcon.operations" in words and os.fsencode(self.key) in words:
                    found.append(int(path.parent.name))
        return found

    def kill_operation(self) -> bool:
        """SIGKILL the operation; False when it has ended already."""
        pids = self.operation_pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(pids)
