"""The backends of docs/engines/cromwell.md, with what pfcon sends; Slurm, Apptainer and Docker are replaced."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from fakes.cromwell_task import read_task
from support.cromwell_page import APPTAINER, DOCKER, GIVEN, ROOT, declared, stanza, submit_script

from pfcon.compute.cromwell import spec as wdl
from pfcon.models import INCOMING, OUTGOING, JobId, JobKind, JobSpec, Mount, Resources, User

SPEC = JobSpec(
    name="chris-jid-42",
    jid=JobId("chris-jid-42"),
    kind=JobKind.PLUGIN,
    image="registry.example.org:5000/fnndsc/pl-x:1.0",
    argv=("prog",),
    mounts=(
        Mount(PurePosixPath("key-chris-jid-42/incoming"), INCOMING, read_only=True),
        Mount(PurePosixPath("home/bob's/final, ${really} `id`"), OUTGOING, read_only=False),
    ),
    resources=Resources(cpu=1500, memory=1025),
)
ALL = replace(SPEC, resources=Resources(cpu=1500, memory=1025, gpus=2, shm=64), user=User(1000, 2000))
MOUNTS = [
    f"type=bind,source={ROOT}/key-chris-jid-42/incoming,destination=/share/incoming,ro",
    f'type=bind,"source={ROOT / SPEC.mounts[1].source}",destination=/share/outgoing',
]
SAY = '#!/usr/bin/env python3\nimport json, sys\nprint(json.dumps(["{name}", *sys.argv[1:]]), file=sys.stderr)\n'
RUN_STDIN = "import subprocess\nsubprocess.run(['sh', '-c', sys.stdin.read()], check=True)\n"
# What Apptainer 1.4.5 prints of an image with a working directory.
CACHED = """
import os
if "-c" in sys.argv and "APPTAINER_CONTAINER" in sys.argv[-1]:
    print(os.environ["SAID"])
if "--pwd" in sys.argv:
    print(json.dumps(["seen", os.environ.get("APPTAINERENV_CUDA_VISIBLE_DEVICES")]), file=sys.stderr)
if sys.argv[1:3] == ["sif", "list"]:
    print("ID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE")
    print("2    |1       |NONE    |32231-35960               |JSON.Generic")
    print("3    |1       |NONE    |35960-35986               |JSON.Generic")
    print("4    |1       |NONE    |36864-1081344             |FS (Squashfs/*System/amd64)")
if sys.argv[1:4] == ["sif", "dump", "3"]:
    print('{"User":"1","WorkingDir":"/opt/two words"}', end="")
"""


def run(tmp_path: Path, name: str, spec: JobSpec, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the submit command of a backend. What it gives to the programs that it runs is on stderr."""
    image = tmp_path / ".apptainer/cache/x.sif"
    image.parent.mkdir(parents=True, exist_ok=True)
    image.touch()
    for program, more in (("sbatch", RUN_STDIN), ("apptainer", CACHED), ("docker", "")):
        path = tmp_path / program
        path.write_text(SAY.format(name=program) + more)
        path.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "SAID": str(image), **environ}
    return subprocess.run(
        ["sh", "-c", submit_script(name, spec)], env=environ, capture_output=True, check=False, text=True
    )


def said(tmp_path: Path, name: str, spec: JobSpec, **environ: str) -> list[list[str]]:
    """What a backend gives to the programs that it runs."""
    found = run(tmp_path, name, spec, **environ)
    assert found.returncode == 0, found.stderr
    return [words for words in map(json.loads, found.stderr.splitlines()) if words[0] != "seen"]


def mounts_of(words: list[str]) -> list[str]:
    return [words[at + 1] for at, word in enumerate(words) if word == "--mount"]


def test_slurm_gets_the_limits(tmp_path: Path) -> None:
    sbatch = said(tmp_path, APPTAINER, SPEC)[0]
    assert sbatch[sbatch.index("-t") + 1] == "90"
    assert sbatch[sbatch.index("-c") + 1] == "2"
    assert "--mem=1025M" in sbatch
    assert not [word for word in sbatch if word.startswith("--gpus")]


def test_apptainer_gets_the_mounts_word_by_word_and_the_image_with_its_working_directory(tmp_path: Path) -> None:
    _, where, *_, apptainer = said(tmp_path, APPTAINER, SPEC)
    assert f"docker://{SPEC.image}" in where
    assert mounts_of(apptainer) == MOUNTS
    assert apptainer[apptainer.index("--pwd") + 1] == "/opt/two words"
    begin = [str(tmp_path / ".apptainer/cache/x.sif"), "/bin/sh", "-c", 'pfcon_workdir=$PWD exec "$@"', "pfcon"]
    assert apptainer[-7:] == [*begin, "/bin/sh", GIVEN["docker_script"]]
    assert "--nv" not in apptainer


def test_gpus_are_requested_from_slurm_and_shown_by_apptainer(tmp_path: Path) -> None:
    sbatch, *_, apptainer = said(tmp_path, APPTAINER, ALL)
    assert "--gpus=2" in sbatch
    assert "--nv" in apptainer
    seen = run(tmp_path, APPTAINER, ALL, CUDA_VISIBLE_DEVICES="3").stderr.splitlines()[-1]
    assert json.loads(seen) == ["seen", "3"]


@pytest.mark.parametrize("place", ["/", "/etc", ".apptainer/cache/../..", "", "x\n/"])
def test_an_image_cannot_choose_another_root_directory(tmp_path: Path, place: str) -> None:
    """The image's own shell tells where it is cached: it may say anything."""
    hostile = str(tmp_path / place) if place.startswith(".") else place
    found = run(tmp_path, APPTAINER, SPEC, SAID=hostile)
    assert found.returncode != 0
    assert '["seen"' not in found.stderr


def test_docker_gets_every_option(tmp_path: Path) -> None:
    (docker,) = said(tmp_path, DOCKER, ALL)
    wanted = {"--memory=1025m", "--memory-swap=1025m", "--gpus=2", "--user=1000:2000", "--shm-size=64m"}
    assert wanted <= {*docker}
    assert mounts_of(docker)[:2] == MOUNTS
    assert docker[-5:] == ["-c", 'pfcon_workdir=$PWD exec "$@"', "pfcon", "/bin/sh", GIVEN["docker_script"]]
    assert docker[docker.index("--entrypoint") + 2] == SPEC.image


def test_a_job_that_was_aborted_while_docker_fetched_its_image_does_not_start(tmp_path: Path) -> None:
    """Cromwell writes ``rc`` before it calls ``kill``, which finds no container then."""
    cwd = tmp_path / "call-job"
    (cwd / "execution").mkdir(parents=True)
    (cwd / "execution/rc").write_text("143")
    docker = tmp_path / "docker"
    docker.write_text(SAY.format(name="docker"))
    docker.chmod(0o755)
    script = submit_script(DOCKER, SPEC, cwd=str(cwd))
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    found = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, check=False, text=True)
    assert (found.returncode, found.stderr) == (143, "")


def test_docker_gets_no_option_that_a_job_does_not_have(tmp_path: Path) -> None:
    (docker,) = said(tmp_path, DOCKER, replace(SPEC, resources=Resources()))
    names = ("--memory", "--gpus", "--user", "--shm-size")
    assert not [word for word in docker if word.startswith(names)]


@pytest.mark.parametrize(("name", "lacks"), [(APPTAINER, {"pfcon_user", "pfcon_shm"}), (DOCKER, set[str]())])
def test_a_backend_knows_every_runtime_attribute_that_is_pfcons_own(name: str, lacks: set[str]) -> None:
    sent = set(read_task(wdl.document(ALL, ROOT, 90)).runtime)
    own = {"maxRetries", "failOnStderr", "continueOnReturnCode"}  # Cromwell handles these by itself
    assert sent - own - {"memory"} - lacks == set(declared(name)) - {"memory_mib"}


@pytest.mark.parametrize("name", [APPTAINER, DOCKER])
def test_the_root_is_where_pfcon_reads_and_the_name_that_pfcon_asks_for(name: str) -> None:
    root = re.search(r'root = "(.*)"', stanza(name))
    assert root
    assert PurePosixPath(root[1]).is_relative_to("/srv/storeBase/.pfcon/cromwell")
    assert f"backend.providers.{wdl.BACKEND} {{" in stanza(name)
