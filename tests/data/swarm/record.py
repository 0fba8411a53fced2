"""Records what a real Swarm answers, for the unit tests of the swarm engine.

    python tests/data/swarm/record.py URL

writes lives.json, errors.json and nodes.json beside itself: the service and its tasks at points of a job's life,
refusals, and what the node offers. The manager at URL (tests/engines/swarm.sh) needs the test image. Services are
called pfcon-record and are removed.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import docker

from pfcon.compute.docker_api.settings import DockerSettings
from pfcon.compute.swarm.client import SwarmCalls
from pfcon.compute.swarm.spec import ended_spec, service_spec
from pfcon.errors import Absent
from pfcon.models import JobId, JobKind, JobSpec, Mount, Resources

HERE = Path(__file__).parent
IMAGE = os.environ.get("PFCON_TEST_IMAGE", "local/pfcon-test:1")
NAME = "pfcon-record"
EAT = "kept = []\nfor _ in range(512): kept.append(b'x' * (1 << 20))"
ENDED = ("complete", "failed", "rejected", "shutdown")


class Recorder:
    def __init__(self, url: str) -> None:
        self.calls = SwarmCalls(DockerSettings(url))
        self.lives: dict[str, Any] = {}
        self.errors: dict[str, Any] = {}

    def run(self, label: str, *argv: str, until: tuple[str, ...] = ENDED, keep: bool = False, **fields: Any) -> None:
        self.remove()
        spec = JobSpec(NAME, JobId(NAME), JobKind.PLUGIN, fields.pop("image", IMAGE), argv, request="5eed", **fields)
        self.calls.create(service_spec(spec, PurePosixPath("/nonexistent"), stop_grace=1, gpu_kind="gpu"))
        self.wait_for(until)
        self.keep(label)
        if not keep:
            self.remove()

    def wait_for(self, states: tuple[str, ...]) -> None:
        deadline = time.monotonic() + 30
        while not (tasks := self.tasks()) or any(task["Status"]["State"] not in states for task in tasks):
            assert time.monotonic() < deadline, tasks
            time.sleep(0.05)
        time.sleep(0.5)

    def tasks(self) -> list[dict[str, Any]]:
        return self.calls.tasks(service=self.calls.service(NAME)["ID"])

    def keep(self, label: str) -> None:
        """Without the specification that the service had before it was changed."""
        service = {key: value for key, value in self.calls.service(NAME).items() if key != "PreviousSpec"}
        self.lives[label] = {"service": service, "tasks": self.tasks()}

    def end(self, label: str) -> None:
        service = self.calls.service(NAME)
        self.calls.update(service, ended_spec(service["Spec"], "cancelled"))
        self.wait_for((*ENDED, "pending"))
        self.keep(label)

    def remove(self) -> None:
        with contextlib.suppress(Absent):
            self.calls.remove(NAME)
        while self.calls.tasks(label=f"org.chrisproject.pfcon.name={NAME}"):
            time.sleep(0.1)

    def fail(self, label: str, call: Callable[[], Any]) -> None:
        try:
            call()
        except docker.errors.APIError as fault:
            self.errors[label] = {"status": fault.status_code, "text": fault.explanation}

    def record_lives(self) -> None:
        """One for each way through life."""
        for code in (0, 3, 127):
            self.run(f"exit {code}", "sh", "-c", f"exit {code}")
        self.run("segfault", "sh", "-c", "sh -c 'kill -SEGV $$'; exit $?")
        self.run("out of memory", "python3", "-c", EAT, resources=Resources(memory=64))
        self.run("no command", "nosuch")
        self.run("not executable", "/etc/passwd")
        self.run("no image", "true", image="localhost:1/none:1")
        self.run("no mount", "true", mounts=(Mount(PurePosixPath("in"), PurePosixPath("/in"), read_only=True),))
        self.run("no room", "true", until=("pending",), keep=True, resources=Resources(gpus=3))
        self.end("cancelled without a node")
        self.run("running", "sleep", "60", until=("running",), keep=True)
        self.end("cancelled")
        self.run("workers", "true", resources=Resources(workers=3))

    def record_errors(self) -> None:
        client = self.calls._client  # the errors as they come, not as ours
        self.fail("inspect: absent", lambda: client.inspect_service(NAME))
        self.run("exit 0", "true", keep=True)
        service = self.calls.service(NAME)
        spec = {"name": NAME, "task_template": service["Spec"]["TaskTemplate"]}
        self.fail("create: name in use", lambda: client.create_service(**spec))
        self.fail("create: bad name", lambda: client.create_service(**{**spec, "name": "a.b"}))
        self.fail("update: changed since", lambda: client.update_service(NAME, 1, **spec))
        self.remove()
        self.fail("remove: absent", lambda: client.remove_service(NAME))


def main() -> None:
    recorder = Recorder(sys.argv[1])
    try:
        recorder.record_lives()
        recorder.record_errors()
    finally:
        recorder.remove()
    nodes = [
        {"Description": {"Resources": node["Description"]["Resources"]}, "Spec": node["Spec"], "Status": node["Status"]}
        for node in recorder.calls.nodes()
    ]
    for what, found in (("lives", recorder.lives), ("errors", recorder.errors), ("nodes", nodes)):
        HERE.joinpath(f"{what}.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
