"""Records what a real Docker API answers, for the unit tests of the docker engine.

    python tests/data/docker/record.py NAME URL

writes NAME-inspects.json and NAME-errors.json beside itself. NAME is docker or podman; the engine at URL needs the
test image (PFCON_TEST_IMAGE) and no registry. Containers are called pfcon-record and are removed.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker

HERE = Path(__file__).parent
IMAGE = os.environ.get("PFCON_TEST_IMAGE", "local/pfcon-test:1")
NAME = "pfcon-record"
LABELS = {"org.chrisproject.pfcon.request": "5eed", "org.chrisproject.job_type": "plugin"}
NOWHERE = "localhost:1/none:1"
EAT = "kept = []\nfor _ in range(512): kept.append(b'x' * (1 << 20))"
KEPT = {"Id", "Created", "Name", "Path", "Args", "State", "Mounts"}
KEPT_HOST = {"Memory", "DeviceRequests", "Devices"}
KEPT_CONFIG = {"Image", "Entrypoint", "Cmd", "Labels", "Tty"}


class Recorder:
    def __init__(self, url: str) -> None:
        self.client = docker.APIClient(base_url=url, timeout=60, version="auto")
        self.inspects: dict[str, Any] = {}
        self.errors: dict[str, Any] = {}

    def create(self, *argv: str, image: str = IMAGE, **host: Any) -> None:
        self.remove()
        body = {
            "Image": image,
            "Entrypoint": list(argv[:1]),
            "Cmd": list(argv[1:]),
            "Labels": LABELS,
            "HostConfig": {"NetworkMode": "default", **host},
        }
        self.client.create_container_from_config(body, NAME)

    def remove(self) -> None:
        with contextlib.suppress(docker.errors.NotFound):
            self.client.remove_container(NAME, force=True, v=True)

    def run(self, *argv: str, **host: Any) -> None:
        self.create(*argv, **host)
        self.client.start(NAME)
        self.client.wait(NAME)

    def keep(self, label: str) -> None:
        found = self.client.inspect_container(NAME)
        kept = {key: value for key, value in found.items() if key in KEPT}
        for part, keys in (("HostConfig", KEPT_HOST), ("Config", KEPT_CONFIG)):
            kept[part] = {key: value for key, value in found[part].items() if key in keys}
        self.inspects[label] = kept

    def fail(self, label: str, call: Callable[[], Any]) -> None:
        try:
            call()
        except docker.errors.APIError as fault:
            self.errors[label] = {"status": fault.status_code, "text": fault.explanation}
        else:
            self.errors[label] = None

    def lives(self) -> None:
        """One inspect answer for each way through life."""
        self.create("sleep", "100")
        self.keep("created")
        self.client.start(NAME)
        self.keep("running")
        self.client.pause(NAME)
        self.keep("paused")
        self.client.unpause(NAME)
        self.client.stop(NAME, timeout=0)
        self.keep("stopped")
        for code in (0, 3, 127):
            self.run("sh", "-c", f"exit {code}")
            self.keep(f"exit {code}")
        self.run("sh", "-c", "sh -c 'kill -SEGV $$'; exit $?")
        self.keep("segfault")
        self.run("python3", "-c", EAT, Memory=64 << 20, MemorySwap=64 << 20)
        self.keep("out of memory")

    def refusals(self) -> None:
        """Commands that can't be started, and what else is refused."""
        for label, command in (
            ("no command", "nosuch"),
            ("no path", "/no/such"),
            ("not executable", "/etc/passwd"),
            ("a directory", "/etc"),
        ):
            self.create(command)
            self.fail(f"start: {label}", lambda: self.client.start(NAME))
            self.keep(f"start: {label}")
        self.fail("create: name in use", lambda: self.client.create_container(IMAGE, ["true"], name=NAME))
        gpu = {"Driver": "", "Count": 1, "Capabilities": [["gpu"]]}
        self.create("true", DeviceRequests=[gpu])
        self.keep("created with GPUs")
        self.fail("start: GPUs", lambda: self.client.start(NAME))
        self.fail("create: no image", lambda: self.create("true", image=NOWHERE))
        self.fail("create: bad image", lambda: self.create("true", image="Bad Image"))
        self.fail("create: cpu", lambda: self.create("true", NanoCpus=5000 * 10**9))
        self.fail("create: memory", lambda: self.create("true", Memory=1 << 20, MemorySwap=1 << 20))
        with tempfile.TemporaryDirectory() as root:
            mount = {"Type": "bind", "Source": f"{root}/absent", "Target": "/share/incoming"}
            self.fail("create: mount", lambda: self.create("true", Mounts=[mount]))
            if self.errors["create: mount"]:
                self.errors["create: mount"]["text"] = self.errors["create: mount"]["text"].replace(root, "/srv")
        self.remove()
        self.fail("inspect: absent", lambda: self.client.inspect_container(NAME))
        self.fail("remove: absent", lambda: self.client.remove_container(NAME))
        self.fail("stop: absent", lambda: self.client.stop(NAME))

    def pulls(self) -> None:
        """A pull from a registry that is not there: an HTTP error with Docker, an event with Podman."""
        events: list[Any] = []
        self.fail("pull", lambda: events.extend(self.client.pull(NOWHERE, stream=True, decode=True)))
        self.errors["pull events"] = events


def main() -> None:
    name, url = sys.argv[1:]
    recorder = Recorder(url)
    try:
        recorder.lives()
        recorder.refusals()
        recorder.pulls()
    finally:
        recorder.remove()
    for what, found in (("inspects", recorder.inspects), ("errors", recorder.errors)):
        path = HERE / f"{name}-{what}.json"
        path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
