"""pfcon as a container of its own image, beside the jobs that it runs on the same engine."""

import contextlib
import io
import os
import signal
import tarfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import psutil

from pfcon.testing.waiting import PATIENCE, checks

from .engines import api_client
from .live import PASSWORD, is_healthy

USER = "1001:1001"  # the image's own
STOREBASE = "/var/local/storeBase"
SOCKET = "/var/run/docker.sock"
LOG_LINES = 400
MARK = "end-of-output"
SELECTOR = "org.chrisproject.test"  # each container has its own value: several services share an engine here


class Container:
    """A running container of pfcon.

    client: of its engine. name: or Id. port: of this machine's loopback, that leads to its port 5005.
    user, job_user: ``UID:GID`` of the service and of its jobs; an empty ``job_user`` is the image's own, root.
    password: of the user whom clients log in as.
    """

    client: docker.APIClient
    name: str
    port: int
    user = USER
    job_user = USER
    password = PASSWORD

    @property
    def url(self) -> str:
        """Base of all resources."""
        return f"http://127.0.0.1:{self.port}/api/v1/"

    def await_answer(self) -> None:
        """Wait until it answers; fails the test when it ends, or takes too long."""
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            assert self.inspect()["State"]["Running"], f"it ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"it does not answer:\n{self.log()}"
            time.sleep(0.1)

    def inspect(self) -> dict[str, Any]:
        """ContainerInspect."""
        found: dict[str, Any] = self.client.inspect_container(self.name)
        return found

    def log(self) -> str:
        """The end of what it printed."""
        return bytes(self.client.logs(self.name, tail=LOG_LINES)).decode("utf-8", "replace")

    def show_stacks(self) -> None:
        """Have its workers print where each of their threads is, and show the end of what it printed."""
        state = self.inspect()["State"]
        if state["Running"]:
            with contextlib.suppress(psutil.Error):
                first = psutil.Process(state["Pid"])  # the init, whose child is gunicorn's, whose children are workers
                for worker in [worker for master in first.children() for worker in master.children()]:
                    worker.send_signal(signal.SIGUSR2)
                time.sleep(0.3)
        print(f"--- end of what {self.name} printed\n{self.log()}")

    def answers(self) -> bool:
        """Whether ``health/`` says OK."""
        return is_healthy(self.url)

    def execute(self, *words: str) -> tuple[int, str]:
        """Run a command in the container that may run twice; its exit status and output.

        Podman 4.3 may lose what a short command has printed: without the mark at its end, it is run again.
        """
        for _ in checks():
            script = f'"$@"; set -- $?; echo {MARK}; exit $1'
            started = self.client.exec_create(self.name, ["sh", "-c", script, "sh", *words])["Id"]
            output = bytes(self.client.exec_start(started)).decode("utf-8", "replace")
            if output.endswith(f"{MARK}\n"):
                return int(self.client.exec_inspect(started)["ExitCode"]), output.removesuffix(f"{MARK}\n")
        raise AssertionError(f"the engine loses what {words} prints")

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write files below storeBase, as the service's user."""
        owner, group = map(int, self.user.split(":"))
        made = {str(parent) for name in files for parent in Path(name).parents if str(parent) != "."}
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name in sorted(made | set(files)):
                member = tarfile.TarInfo(name)
                member.uid, member.gid, member.mode = owner, group, 0o755
                content = files.get(name, b"")
                member.type = tarfile.REGTYPE if name in files else tarfile.DIRTYPE
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        self.client.put_archive(self.name, STOREBASE, buffer.getvalue())


@dataclass
class ServiceContainer(Container):
    """A container that serves, with a new volume as its storeBase. ``environ`` adds settings.

    engine_url: as in DOCKER_HOST, a Unix socket. user, groups: whom it runs as, and with what further groups.
    userns: Podman's ``--userns``.
    by_name: whether it is told its volume's name; else it looks for a container with its label.
    """

    engine_url: str
    image: str
    environ: dict[str, str] = field(default_factory=dict)
    user: str = USER
    groups: tuple[str, ...] = ()
    userns: str = ""
    job_user: str = USER
    by_name: bool = False
    name: str = field(default_factory=lambda: f"pfcon-test-{uuid.uuid4().hex[:12]}")
    port: int = 0

    def __post_init__(self) -> None:
        self.client = api_client(self.engine_url)

    def settings(self) -> dict[str, str]:
        """What the service is configured with."""
        return {
            "APPLICATION_MODE": "development",
            "PFCON_BIND": "0.0.0.0:5005",
            "CONTAINER_ENV": "docker",
            "COMPUTE_VOLUME_TYPE": "docker_local_volume",
            "CONTAINER_USER": self.job_user or ":",
            **({"VOLUME_NAME": self.name} if self.by_name else {"PFCON_SELECTOR": f"{SELECTOR}={self.name}"}),
            "PFCON_WORKERS": "1",
            "PFCON_GRACEFUL_TIMEOUT": "1",
            **self.environ,
        }

    def create(self) -> None:
        """Create its volume, and start it."""
        self.client.create_volume(self.name)
        host_config = self.client.create_host_config(
            mounts=[
                docker.types.Mount(STOREBASE, self.name, "volume"),
                docker.types.Mount(SOCKET, self.engine_url.removeprefix("unix://"), "bind"),
            ],
            port_bindings={5005: ("127.0.0.1", None)},
            group_add=[*self.groups] or None,
            init=True,
            read_only=True,
            tmpfs={"/tmp": ""},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
        )
        if self.userns:
            host_config["UsernsMode"] = self.userns  # the SDK refuses what Docker does not know
        self.client.create_container(
            self.image,
            name=self.name,
            user=self.user,
            environment=self.settings(),
            labels={SELECTOR: self.name},
            ports=[5005],
            host_config=host_config,
            healthcheck={"interval": 10**9},  # nanoseconds; the rest is the image's
        )
        self.client.start(self.name)

    def start(self) -> "ServiceContainer":
        """Create it, and wait until it answers."""
        self.create()
        self._find()
        return self

    def restart(self) -> None:
        """Stop it as an administrator does, start it again, and wait until it answers."""
        self.client.stop(self.name)
        self.client.start(self.name)
        self._find()

    def _find(self) -> None:
        self.port = int(self.inspect()["NetworkSettings"]["Ports"]["5005/tcp"][0]["HostPort"])
        self.await_answer()

    def stop(self) -> None:
        """Show what it does and did, which pytest prints with a failure, and remove it with its volume."""
        with contextlib.suppress(docker.errors.NotFound):
            self.show_stacks()
        with contextlib.suppress(docker.errors.NotFound):
            self.client.remove_container(self.name, force=True)
        with contextlib.suppress(docker.errors.NotFound):
            self.client.remove_volume(self.name, force=True)
        self.client.close()


MakeService = Callable[..., ServiceContainer]  # (by_name, user, **environ): what the fixture make_service gives


def ways_in(engine: str, engine_url: str) -> dict[str, Any]:
    """How the image's user gets to an engine's socket, as docs/production.md shows it: fields of ServiceContainer."""
    if engine == "podman-rootless":  # the socket's owner is that user inside, and root of the jobs
        return {"userns": "keep-id:uid=1001,gid=1001", "job_user": ""}
    return {"groups": (str(os.stat(engine_url.removeprefix("unix://")).st_gid),)}
