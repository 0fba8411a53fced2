"""The staged interface in-network, as CUBE drives it, and the operations behind it as programs of their own."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from support.engines import IMAGE

from benchmarks import ROOT
from benchmarks.client import LIMITS
from benchmarks.faults import Broken
from benchmarks.memory import peak_of
from benchmarks.session import NOTHING, Server

FSLINK = {"PFCON_INNETWORK": "true", "STORAGE_ENV": "fslink"}
POLL = 0.02  # seconds between two questions for a status
LOOK = 0.01  # seconds between two looks at an operation's memory
USERS = "home/bob"  # where the users' data lie below storeBase
MIN_FREE = 2**30  # bytes, as a service asks for by default
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Ended:
    """Seconds from a POST until its answer, and until its job was seen to be final."""

    posted: float
    seconds: float


@dataclass(frozen=True)
class Ran:
    """An operation from its start to its end: seconds, and the most memory that was resident (VmHWM), in bytes."""

    seconds: float
    peak: int


class StagedJob:
    """One jid on a server with storage ``fslink``."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.jid = server.job().jid
        self.output_dir = f"{USERS}/feeds/{self.jid}"

    @property
    def key(self) -> Path:
        """The job's own directory."""
        return self._server.storebase / f"key-{self.jid}"

    @property
    def outputs(self) -> Path:
        """Where its plugin writes."""
        return self._server.storebase / self.output_dir

    def copy(self, name: str) -> Ended:
        """Have a tree of the users copied."""
        return self._until_final("copy", input_dirs=[f"{USERS}/{name}"], output_dir=self.output_dir)

    def plugin(self, name: str) -> Ended:
        """Have a job run that does nothing with its copied inputs."""
        limits = {key: [value] for key, value in LIMITS.items()}
        fields = {"image": [IMAGE], "type": ["ds"], "auid": ["chris"], "entrypoint": list(NOTHING), **limits}
        return self._until_final("plugin", input_dirs=[f"{USERS}/{name}"], output_dir=self.output_dir, **fields)

    def delete(self) -> Ended:
        """Have its data deleted."""
        return self._until_final("delete")

    def _until_final(self, kind: str, **fields: str | list[str]) -> Ended:
        client = self._server.client
        body = urlencode({"jid": self.jid, **fields}, doseq=True).encode()
        begun = time.perf_counter()
        client.call("POST", f"{kind}jobs/", body, _FORM)
        posted = time.perf_counter() - begun
        while (compute := client.status(self.jid, kind))["status"] in ("notStarted", "started"):
            time.sleep(POLL)
        seconds = time.perf_counter() - begun
        if compute["status"] != "finishedSuccessfully":
            raise Broken(f"{kind} job {self.jid}: {compute}")
        return Ended(posted, seconds)


def order_copy(storebase: Path, name: str, jid: str) -> Path:
    """A job's directory in which pfcon has left the order to copy a tree of the users."""
    job = storebase / f"key-{jid}"
    job.mkdir(mode=0o711)
    order = {
        "storage": "fslink",
        "create": False,
        "input_dirs": [f"{USERS}/{name}"],
        "output_dir": f"{USERS}/feeds/{jid}",
        "min_free_bytes": MIN_FREE,
    }
    (job / "copy.order").write_text(json.dumps(order), encoding="utf-8")
    return job


def operate(operation: str, job: Path, *options: str) -> Ran:
    """Run an operation as the engine does. Raises Broken when it fails."""
    peaks = [0]
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "pfcon.operations", operation, str(job), *options],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(LOOK):
                peaks.append(peak_of(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            output = process.communicate()[0]
            seconds = time.perf_counter() - begun
        finally:
            ended.set()
            watcher.join()
    if process.returncode:
        raise Broken(f"{operation} of {job.name} failed with {process.returncode}: {output[-300:]!r}")
    return Ran(seconds, max(peaks))


def count(directory: Path) -> tuple[int, int]:
    """How many files a tree has, and their bytes."""
    nfiles = nbytes = 0
    for _, _, names, fd in os.fwalk(directory):
        nfiles += len(names)
        nbytes += sum(os.stat(name, dir_fd=fd).st_size for name in names)
    return nfiles, nbytes
