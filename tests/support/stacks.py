"""The compose files of swarm/, brought up by the tools that users have."""

import os
import subprocess
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from pfcon.testing.waiting import PATIENCE

from .containers import Container
from .engines import api_client
from .live import PASSWORD
from .namespace import Door

FILES = Path(__file__).parents[2] / "swarm"


def run(*words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a tool; no exception when it fails."""
    return subprocess.run(
        [str(word) for word in words],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environ},
        cwd=FILES,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def each(flag: str, files: tuple[str, ...]) -> list[str | Path]:
    """The words that name files to a tool."""
    return [word for name in files for word in (flag, FILES / f"{name}.yml")]


@dataclass
class Composed(Container):
    """pfcon as docker compose brings it up; a context manager. ``environ``: what the files and the tool ask for."""

    program: list[str]
    files: tuple[str, ...]
    environ: Mapping[str, str]
    name: str = ""
    port: int = 0

    def _call(self, *words: str) -> None:
        done = run(*self.program, *each("-f", self.files), "--project-name", self._project, *words, **self.environ)
        assert done.returncode == 0, done.stderr

    def __post_init__(self) -> None:
        self._project = f"pfcon-test-{uuid.uuid4().hex[:8]}"
        self.client = api_client(self.environ["DOCKER_HOST"])
        self.port = int(self.environ["PFCON_PORT"])

    def __enter__(self) -> "Composed":
        try:
            self._call("up", "--detach")
            label = f"com.docker.compose.project={self._project}"
            self.name = self.client.containers(filters={"label": label})[0]["Id"]
            self.await_answer()
        except BaseException:  # also an interrupted test: what has not been entered is never left
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        print(f"--- end of the log of {self._project}\n{self.log()}")  # pytest shows it with a failure
        self._remove()

    def _remove(self) -> None:
        self._call("down", "--volumes")
        self.client.close()


@dataclass
class Stack(Container):
    """pfcon as a service of a Swarm, from files of swarm/; a context manager. ``environ``: what the files ask for."""

    engine_url: str
    files: tuple[str, ...]
    environ: Mapping[str, str]
    password: str = PASSWORD
    stack: str = field(default_factory=lambda: f"pfcon-test-{uuid.uuid4().hex[:8]}")
    name: str = ""
    port: int = 0

    def __post_init__(self) -> None:
        self.client = api_client(self.engine_url)
        self._exits = ExitStack()

    def deploy(self) -> subprocess.CompletedProcess[str]:
        """``docker stack deploy``; it asks no registry."""
        words = ["stack", "deploy", "--resolve-image", "never", *each("-c", self.files), self.stack]
        return run("docker", *words, DOCKER_HOST=self.engine_url, **self.environ)

    def __enter__(self) -> "Stack":
        self._exits.callback(self.client.close)
        self._exits.callback(self.remove)
        with ExitStack() as on_failure:
            on_failure.callback(self._exits.close)
            deployed = self.deploy()
            assert deployed.returncode == 0, deployed.stderr
            self.name = self._await_container()
            self.port = self._exits.enter_context(Door(int(self.inspect()["State"]["Pid"]), 5005)).port
            self.await_answer()
            on_failure.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        print(f"--- end of the log of {self.stack}\n{self.log()}")  # pytest shows it with a failure
        self._exits.close()

    def _await_container(self) -> str:
        """The Id of the service's container, once it runs."""
        deadline = time.monotonic() + PATIENCE
        wanted = {"label": f"com.docker.swarm.service.name={self.stack}_pfcon", "status": "running"}
        while not (found := self.client.containers(filters=wanted)):
            tasks = self.client.tasks({"service": f"{self.stack}_pfcon"})
            assert time.monotonic() < deadline, [task["Status"] for task in tasks]
            time.sleep(0.2)
        return str(found[0]["Id"])

    def remove(self) -> None:
        """``docker stack rm``, and its volumes."""
        run("docker", "stack", "rm", self.stack, DOCKER_HOST=self.engine_url)
        label = {"label": f"com.docker.stack.namespace={self.stack}"}
        deadline = time.monotonic() + PATIENCE
        while self.client.containers(all=True, filters=label) or self.client.networks(filters=label):
            assert time.monotonic() < deadline, f"{self.stack} does not end"
            time.sleep(0.2)
        for volume in self.client.volumes(filters=label)["Volumes"] or []:
            self.client.remove_volume(volume["Name"])
