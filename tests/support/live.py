"""A real pfcon server in a process group of its own, on a loopback port, and a client for it."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from pfcon.testing.waiting import PATIENCE, checks, eventually

from .ports import free_port
from .unlogged import UNLOGGED, secrets_in

USER, PASSWORD = "pfcon", "pfcon1234"  # development mode's
JOB_FIELDS: dict[str, Any] = {
    "image": os.environ.get("PFCON_TEST_IMAGE", "local/pfcon-test:1"),
    "entrypoint": ["sh", "-c"],
    "type": "ds",
    "auid": "chris",
    "number_of_workers": 1,
    "cpu_limit": 1000,
    "memory_limit": 300,
    "gpu_limit": 0,
    "env": [f"PFCON_TEST_UNLOGGED={UNLOGGED}"],
}
COPY_ALL = 'cp -r "$0"/. "$1"; echo copied'  # a plugin: $0 is its input directory, $1 its output directory


def make_zip(files: Mapping[str, bytes | str]) -> bytes:
    """A zip with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def is_healthy(url: str) -> bool:
    """Whether a service's ``health/`` says OK; one try of those that fit into PATIENCE."""
    try:
        return requests.get(url + "health/", timeout=PATIENCE / 4).status_code == 200
    except (requests.ConnectionError, requests.Timeout):
        return False


@dataclass
class LiveServer:
    """``pfcon serve`` over a storeBase; a context manager. ``environ`` adds settings. ``python``: what runs it."""

    storebase: Path
    environ: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    python: tuple[str, ...] = (sys.executable,)
    shows_log: bool = True  # at its end: pytest shows it with a failure

    @property
    def url(self) -> str:
        """Base of all resources."""
        return f"http://127.0.0.1:{self.port}/api/v1/"

    @property
    def log_path(self) -> Path:
        """What the server printed."""
        return self.storebase.parent / f"{self.storebase.name}.server.log"

    def start(self) -> "LiveServer":
        """Start it and wait until it answers."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.python, "-m", "pfcon", "serve", "--bind", f"127.0.0.1:{self.port}"],
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.storebase,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            assert self.process.poll() is None, f"the server ended:\n{self.log_path.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"the server does not answer:\n{self.log_path.read_text()[-3000:]}"
            time.sleep(0.05)
        return self

    def _environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "APPLICATION_MODE": "development",
            "CONTAINER_ENV": "process",
            "COMPUTE_VOLUME_TYPE": "host",
            "STOREBASE_MOUNT": str(self.storebase),
            "STOREBASE": str(self.storebase),
            "PFCON_WORKERS": "2",
            "PFCON_THREADS": "32",
            **self.environ,
        }

    def answers(self) -> bool:
        """Whether ``health/`` says OK."""
        return is_healthy(self.url)

    @property
    def worker_pids(self) -> list[int]:
        """The processes that answer requests; the first one looks after them (proc_pid_task_tid_children(5))."""
        assert self.process is not None
        first = self.process.pid
        return [int(pid) for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split()]

    def signal(self, number: int) -> None:
        """Send a signal to every process of the server, not to its jobs."""
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()
        group, self.process = self.process.pid, None
        assert eventually(lambda: not _runs(group)), "a worker does not end: it keeps the port"

    def stop(self) -> int:
        """End it as an administrator would; the exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(timeout=PATIENCE)
        self.process = None
        return status

    def __enter__(self) -> "LiveServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.kill()
        text = self.log_path.read_text(errors="replace")
        if self.shows_log:
            print(f"--- end of {self.log_path}\n{text[-4000:]}")
        if kind is None:
            assert not (found := secrets_in(text, self._environ())), f"{self.log_path} has {found}"


def _runs(group: int) -> bool:
    """Whether a process of a group runs (proc_pid_stat(5)); a zombie holds nothing, and may have no one to reap it."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended while we looked
            fields = path.read_text("utf-8", "replace").rpartition(") ")[2].split()
            state, its_group, threads = fields[0], int(fields[2]), int(fields[17])
            if its_group == group and (state not in "ZX" or threads > 1):  # others go on when the first is a zombie
                return True
    return False


StartServer = Callable[..., LiveServer]  # (engine, **environ): what the fixture start_server gives


def await_end(get: Callable[[], requests.Response], timeout: float) -> dict[str, str]:
    """Poll until the job that ``get`` asks for has ended; its ``compute`` object. timeout: seconds.

    A 503 asks for another try, as when an engine is busy.
    """
    for _ in checks(timeout):
        answer = get()
        if answer.status_code == 503:
            continue
        assert answer.status_code == 200, answer.text
        compute: dict[str, str] = answer.json()["compute"]
        if compute["status"] not in ("notStarted", "started"):
            return compute
    raise AssertionError(f"the job has not ended in {timeout} s: {answer.status_code} {answer.text}")


def _request(method: str, url: str, **options: Any) -> requests.Response:
    """One request on loopback, without the environment's proxies: threads read it while pytest writes to it."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, **options)


class Api:
    """Requests as a logged-in client."""

    def __init__(self, url: str, password: str = PASSWORD) -> None:
        self.url = url
        credentials = {"pfcon_user": USER, "pfcon_password": password}
        answer = _request("POST", url + "auth-token/", json=credentials, timeout=PATIENCE)
        self.headers = {"Authorization": f"Bearer {answer.json()['token']}"}

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET below /api/v1/."""
        return _request("GET", self.url + path, headers=self.headers, timeout=300, **options)

    def delete(self, path: str) -> requests.Response:
        """DELETE below /api/v1/."""
        return _request("DELETE", self.url + path, headers=self.headers, timeout=300)

    def post(self, path: str, fields: Mapping[str, Any], data_file: Any = None, **options: Any) -> requests.Response:
        """POST a form, multipart when there is a ``data_file``, as both clients do."""
        files = None if data_file is None else {"data_file": data_file}
        options = {"timeout": 300, **options}
        return _request("POST", self.url + path, data=fields, files=files, headers=self.headers, **options)

    def submit(self, jid: str, script: str, data_file: Any, **fields: Any) -> requests.Response:
        """POST a job that runs a shell script; ``$0`` is the input directory, ``$1`` the output directory."""
        return self.post("jobs/", {**JOB_FIELDS, "args": [script], "jid": jid, **fields}, data_file)

    def wait(self, jid: str, timeout: float = PATIENCE) -> dict[str, str]:
        """Poll until the job has ended; its ``compute`` object."""
        return await_end(lambda: self.get(f"jobs/{jid}/"), timeout)

    def unzip(self, jid: str) -> dict[str, bytes]:
        """The job's outputs by name."""
        answer = self.get(f"jobs/{jid}/file/")
        assert answer.status_code == 200, answer.text
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}


def new_jid() -> str:
    """A jid that no other test uses."""
    return f"test-{uuid.uuid4().hex[:10]}"
