"""The backend with Docker of docs/engines/cromwell.md on a real Docker, without a Cromwell server."""

import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from fakes.cromwell_backend import SCRIPT
from support.cromwell_page import DOCKER, submit_script
from support.engines import IMAGE, WORKDIR, docker_url

from pfcon.compute.cromwell import spec as wdl
from pfcon.models import INCOMING, OUTGOING, JobId, JobKind, JobSpec, Mount, Resources, User
from pfcon.paths import StoreBase

pytestmark = pytest.mark.engine("docker")


def run(storebase: StoreBase, script: str, **fields: Any) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Run a job as Cromwell does; its execution directory, and what the backend's command has said."""
    url = docker_url()
    job = storebase.job(JobId("page-1"))
    job.make()
    job.incoming.mkdir()
    job.make_outgoing(fields.get("user"))
    mounts = (
        Mount(PurePosixPath(job.incoming_source), INCOMING, read_only=True),
        Mount(PurePosixPath(job.outgoing_source), OUTGOING, read_only=False),
    )
    argv = ("sh", "-c", script, "sh", str(OUTGOING))
    spec = JobSpec("page-1", JobId("page-1"), JobKind.PLUGIN, IMAGE, argv, mounts=mounts, **fields)
    call = storebase.root / "call-job"
    execution = call / "execution"
    execution.mkdir(parents=True)
    execution.chmod(0o777)
    inside = "/cromwell-executions/call-job"
    text = SCRIPT.format(cwd=f"{inside}/execution", command=wdl.command(spec))
    (execution / "script").write_text(text.replace("#!/bin/bash", "#!/bin/sh", 1))
    command = submit_script(
        DOCKER,
        spec,
        root=PurePosixPath(storebase.root),
        cwd=str(call),
        err=str(execution / "stderr"),
        docker_cwd=inside,
        docker_script=f"{inside}/execution/script",
        docker_cid=str(execution / "docker_cid"),
    )
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "DOCKER_HOST": url, "HOME": "/nowhere"}
    done = subprocess.run(["sh", "-c", command], env=environ, capture_output=True, text=True, timeout=120, check=False)
    return execution, done


def test_a_job_has_its_user_its_shared_memory_and_the_working_directory_of_its_image(storebase: StoreBase) -> None:
    say = "pwd; id -u; id -g; df -k /dev/shm | tail -n 1 | awk '{ print $2 }'"
    execution, done = run(storebase, say, user=User(1234, 2345), resources=Resources(shm=33, memory=64))
    assert done.returncode == 0, done.stderr
    assert (execution / "stdout").read_text().split() == [WORKDIR, "1234", "2345", str(33 * 1024)]
    assert (execution / "rc").read_text() == "0\n"


def test_a_job_without_options_runs_with_those_of_its_image(storebase: StoreBase) -> None:
    execution, done = run(storebase, 'pwd; id -u; echo made >"$1/out"; exit 7')
    assert (execution / "stdout").read_text().split() == [WORKDIR, "0"], done.stderr
    assert (execution / "rc").read_text() == "7\n"
    assert (storebase.job(JobId("page-1")).outgoing / "out").read_text() == "made\n"
