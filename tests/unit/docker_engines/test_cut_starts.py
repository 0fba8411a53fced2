"""A container whose start was cut off, because pfcon was killed: Docker 26 gives the start up, others go on."""

import contextlib
from pathlib import PurePosixPath
from typing import Any

from support import dev_modules

from pfcon.compute.docker.spec import create_body
from pfcon.errors import Conflict
from pfcon.models import JobStatus
from pfcon.testing.compute.harness import Harness

ROUNDS = 5


def cut_start(url: str, container: str) -> None:
    """Ask for the start of a container, and go away."""
    connection = dev_modules.load("engine_api").connect(url, 30)
    connection.request("POST", f"/containers/{container}/start")
    connection.close()


def test_a_job_whose_start_was_cut_off_runs_when_it_is_asked_for_again(compute: Harness, url: str, client: Any) -> None:
    for _ in range(ROUNDS):
        spec = compute.shell("echo ran")
        body = create_body(spec, PurePosixPath(compute.storebase.root))
        cut_start(url, client.create_container_from_config(body, spec.name)["Id"])
        with contextlib.suppress(Conflict):  # the engine has gone on with the start
            compute.engine.schedule(spec)
        info = compute.wait(spec.name)
        assert (info.status, info.reason) == (JobStatus.SUCCEEDED, "")
        assert compute.engine.logs(spec.name, 9) == "ran\n"
