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
if "-c" in sys.argv and "APPTAINER_CONTAINER" in sys.argv[-1]:
    print("/cache/x.sif")
if sys.argv[1:3] == ["sif", "list"]:
    print("ID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE")
    print("2    |1       |NONE    |32231-35960               |JSON.Generic")
    print("3    |1       |NONE    |35960-35986               |JSON.Generic")
    print("4    |1       |NONE    |36864-1081344             |FS (Squashfs/*System/amd64)")
if sys.argv[1:4] == ["sif", "dump", "3"]:
    print('{"User":"1","WorkingDir":"/opt/two words"}', end="")
"""


def said(tmp_path: Path, name: str, spec: JobSpec) -> list[list[str]]:
    """What a backend gives to the programs that it runs."""
    for program, more in (("sbatch", RUN_STDIN), ("apptainer", CACHED), ("docker", "")):
        path = tmp_path / program
        path.write_text(SAY.format(name=program) + more)
        path.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/local/bin:/usr/bin:/bin"}
    found = subprocess.run(
        ["sh", "-c", submit_script(name, spec)], env=environ, capture_output=True, check=True, text=True
    )
    return [json.loads(line) for line in found.stderr.splitlines()]


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
    begin = ["/cache/x.sif", "/bin/sh", "-c", 'pfcon_workdir=$PWD exec "$@"', "pfcon"]
    assert apptainer[-7:] == [*begin, "/bin/sh", GIVEN["docker_script"]]
    assert "--nv" not in apptainer


def test_gpus_are_requested_from_slurm_and_shown_by_apptainer(tmp_path: Path) -> None:
    sbatch, *_, apptainer = said(tmp_path, APPTAINER, ALL)
    assert "--gpus=2" in sbatch
    assert "--nv" in apptainer


def test_docker_gets_every_option(tmp_path: Path) -> None:
    (docker,) = said(tmp_path, DOCKER, ALL)
    wanted = {"--memory=1025m", "--memory-swap=1025m", "--gpus=2", "--user=1000:2000", "--shm-size=64m"}
    assert wanted <= {*docker}
    assert mounts_of(docker)[:2] == MOUNTS
    assert docker[-5:] == ["-c", 'pfcon_workdir=$PWD exec "$@"', "pfcon", "/bin/sh", GIVEN["docker_script"]]
    assert docker[docker.index("--entrypoint") + 2] == SPEC.image


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
