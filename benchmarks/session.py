"""Work directory, trees and servers of one run."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support import engines
from support.live import LiveServer

from benchmarks import sdk
from benchmarks.client import Client, Job
from benchmarks.faults import Broken, NotHere, finding
from benchmarks.memory import Memory, MemoryWatch, cpu_seconds, group, look
from benchmarks.trees import Tree, make_tree

USER = "benchmark"
NOTHING = ("true",)  # the command of a job that only has to be scheduled
COPY = ("sh", "-c", 'cp -r "$0"/. "$1"')  # a plugin: $0 is its input directory, $1 its output directory
SETTLE = 1.5  # seconds for a server to come to rest


@dataclass
class Server:
    """A running pfcon of a section's own, and a client of it."""

    live: LiveServer
    client: Client
    label: str
    jobs: int = 0

    @property
    def storebase(self) -> Path:
        """Where its jobs' data are."""
        return self.live.storebase

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return self.live.port

    @property
    def leader(self) -> int:
        """Its process group."""
        if self.live.process is None:
            raise Broken("the server has ended")
        return self.live.process.pid

    def memory(self) -> Memory:
        """Of all its processes now."""
        return look(group(self.leader))

    def cpu(self) -> float:
        """The processor time that all its processes have taken, in seconds."""
        return cpu_seconds(group(self.leader))

    def watch(self) -> MemoryWatch:
        """A context that looks at it all the time."""
        return MemoryWatch(self.leader)

    def job(self, argv: tuple[str, ...] = NOTHING, kind: str = "ds") -> Job:
        """A job under a fresh jid."""
        self.jobs += 1
        return Job(f"{self.label}-{self.jobs}", argv, engines.IMAGE, kind)

    def outgoing(self, job: Job) -> Path:
        """A job's outputs."""
        return self.storebase / f"key-{job.jid}" / "outgoing"

    def run(self, job: Job, zip_path: Path) -> None:
        """Submit a job and wait until it has succeeded."""
        self.client.submit(job, zip_path)
        self.client.wait(job.jid)


@dataclass
class Session:
    """One run. ``work``: a directory on the file system that is measured. ``engine``: a name that was asked for."""

    work: Path
    quick: bool
    engine: str | None = None
    _trees: dict[str, Tree] = field(default_factory=dict)
    _directories: list[Path] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Tell whoever waits what is going on."""
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    @property
    def rounds(self) -> int:
        """How often a pair of measurements is made."""
        return 3

    def tree(self, name: str) -> Tree:
        """A tree's zip, made on first use, and in the page cache now."""
        if name not in self._trees:
            zips = self.work / "zips"
            zips.mkdir(exist_ok=True)
            self.say(f"making or finding the zip of {name}")
            self._trees[name] = make_tree(name, zips, quick=self.quick)
        self._trees[name].warm()
        return self._trees[name]

    @contextmanager
    def fresh(self, name: str, *, keep: bool = False) -> Iterator[Path]:
        """A directory of a section's own; with ``keep`` it stays until ``close``.

        That is for many files: an ext4 without a journal is slow for minutes to create as many as were deleted.
        """
        directory = self.work / f"{name}-{os.getpid()}-{secrets.token_hex(3)}"
        directory.mkdir()
        self._directories.append(directory)
        try:
            yield directory
        finally:
            if not keep:
                self.close(directory)

    def close(self, *directories: Path) -> None:
        """Remove these directories, or all that are left."""
        for directory in directories or tuple(self._directories):
            self.say(f"removing {directory}")
            subprocess.run(["rm", "-rf", str(directory)], check=False)  # shutil has no depth for some of them
            self._directories.remove(directory)

    @contextmanager
    def server(
        self, directory: Path, engine: str = "process", url: str = "", settings: dict[str, str] | None = None
    ) -> Iterator[Server]:
        """pfcon in production mode over a storeBase in ``directory``, which jobs can reach.

        With its defaults, but for ``settings``.
        """
        storebase = directory / "storeBase"
        storebase.mkdir()
        label = f"pfcon-bench-{secrets.token_hex(4)}"
        password = secrets.token_urlsafe(24)
        environ = {**_environ(engine, url, password, label), **(settings or {})}
        live = LiveServer(storebase, environ)
        try:
            live.start()
            time.sleep(SETTLE)
            try:
                yield Server(live, Client(live.port, USER, password), label)
            except BaseException:  # whatever ends the block, the log may tell why
                self.say("the end of the server's log:\n" + _tail(live.log_path))
                raise
        finally:
            if live.process is not None:
                live.stop()
            if url:
                sdk.remove_labelled(url, f"pfcon.benchmark={label}")

    def container_engine(self) -> tuple[str, str]:
        """Name and URL of the engine that is measured. Raises NotHere, or Broken for one that was asked for."""
        reasons = []
        for name in [self.engine] if self.engine else ["docker", "podman"]:
            try:
                with finding():
                    return name, engines.docker_url() if name == "docker" else engines.podman_url()
            except NotHere as reason:
                reasons.append(str(reason))
        raise (Broken if self.engine else NotHere)("; ".join(reasons))


def _environ(engine: str, url: str, password: str, label: str) -> dict[str, str]:
    environ = {
        "APPLICATION_MODE": "production",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "PFCON_USER": USER,
        "PFCON_PASSWORD": password,
        "PFCON_WORKERS": "2",  # the helper has others than the defaults
        "PFCON_THREADS": "64",
    }
    if engine == "process":
        return {**environ, "CONTAINER_ENV": "process", "PFCON_ALLOW_PROCESS": "true"}
    return {**environ, "CONTAINER_ENV": engine, "DOCKER_HOST": url, "JOB_LABELS": f"pfcon.benchmark={label}"}


def _tail(path: Path) -> str:
    if not path.exists():
        return "(none)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-20:])


def timed(argv: list[str], cwd: Path) -> float:
    """Seconds that a program takes; its output is dropped. Raises Broken when it fails."""
    begun = time.perf_counter()
    done = subprocess.run(
        argv,
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise Broken(f"{argv[0]} failed with {done.returncode}: {done.stderr[-300:]!r}")
    return seconds
