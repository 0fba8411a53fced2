"""The backend of docs/engines/cromwell.md, with what pfcon sends; Slurm and Apptainer are replaced."""

import json
import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest
import WDL
from fakes.cromwell_task import read_task

from pfcon.compute.cromwell import spec as wdl
from pfcon.models import INCOMING, OUTGOING, JobId, JobKind, JobSpec, Mount, Resources

PAGE = Path(__file__).parents[2] / "docs" / "engines" / "cromwell.md"
ROOT = PurePosixPath("/srv/storebase")
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
GIVEN = {  # what Cromwell itself adds (ConfigConstants in its source)
    "job_name": "cromwell_8e592ed8_job",
    "cwd": "/srv/storebase/.pfcon/cromwell/executions/pfcon/8e592ed8/call-job",
    "err": "/srv/storebase/.pfcon/cromwell/executions/pfcon/8e592ed8/call-job/execution/stderr",
    "docker_cwd": "/cromwell-executions/pfcon/8e592ed8/call-job",
    "docker_script": "/cromwell-executions/pfcon/8e592ed8/call-job/execution/script",
    "job_shell": "/bin/sh",
    "memory_mib": 1025,
}
SAY = '#!/usr/bin/env python3\nimport json, sys\nprint(json.dumps(["{name}", *sys.argv[1:]]))\n'


def stanza() -> str:
    found = re.search(r"<!-- cromwell:begin -->(.*)<!-- cromwell:end -->", PAGE.read_text(), re.DOTALL)
    assert found
    return found[1]


def text_of(key: str) -> str:
    found = re.search(rf'{key} = """\n(.*?)\n\s*"""', stanza(), re.DOTALL)
    assert found
    return found[1]


def submit_script() -> str:
    """The submit command for SPEC, instantiated as WDL draft-2: so does Cromwell."""
    values = {**GIVEN, **read_task(wdl.document(SPEC, ROOT, 90)).runtime}
    declared = "\n".join(f"{'Int' if isinstance(value, int) else 'String'} {key}" for key, value in values.items())
    source = f"task submit {{\n{declared}\ncommand {{\n{text_of('submit-docker')}\n}}\n}}"
    document = WDL.parse_document(source)
    document.typecheck()
    env: WDL.Env.Bindings[WDL.Value.Base] = WDL.Env.Bindings()
    for key, value in values.items():
        env = env.bind(key, WDL.Value.Int(value) if isinstance(value, int) else WDL.Value.String(str(value)))
    library = WDL.StdLib.Base("draft-2")
    parts = document.tasks[0].command.parts
    return "".join(part if isinstance(part, str) else str(part.eval(env, library).value) for part in parts)


@pytest.fixture
def said(tmp_path: Path) -> list[list[str]]:
    """What sbatch is given, and what the script that it reads gives to apptainer."""
    for name in ("sbatch", "apptainer"):
        program = tmp_path / name
        program.write_text(SAY.format(name=name))
        program.chmod(0o755)
    with open(tmp_path / "sbatch", "a") as file:
        file.write(
            "import subprocess\nsys.stdout.flush()\nsubprocess.run(['sh', '-c', sys.stdin.read()], check=True)\n"
        )
    environ = {"PATH": f"{tmp_path}:/usr/local/bin:/usr/bin:/bin"}
    found = subprocess.run(["sh", "-c", submit_script()], env=environ, capture_output=True, check=True)
    return [json.loads(line) for line in found.stdout.splitlines()]


def test_slurm_gets_the_limits(said: list[list[str]]) -> None:
    sbatch = said[0]
    assert sbatch[sbatch.index("-t") + 1] == "90"
    assert sbatch[sbatch.index("-c") + 1] == "2"
    assert "--mem=1025M" in sbatch


def test_apptainer_gets_the_mounts_word_by_word_and_the_image(said: list[list[str]]) -> None:
    apptainer = said[1]
    mounts = [apptainer[at + 1] for at, word in enumerate(apptainer) if word == "--mount"]
    assert mounts == [
        f"type=bind,source={ROOT}/key-chris-jid-42/incoming,destination=/share/incoming,ro",
        f'type=bind,"source={ROOT / SPEC.mounts[1].source}",destination=/share/outgoing',
    ]
    assert apptainer[-3:] == [f"docker://{SPEC.image}", "/bin/sh", GIVEN["docker_script"]]


def test_the_backend_knows_every_runtime_attribute_that_is_pfcons_own() -> None:
    declared = set(re.findall(r"^\s*\w+\?? (\w+)", text_of("runtime-attributes"), re.MULTILINE))
    sent = set(read_task(wdl.document(SPEC, ROOT, 90)).runtime)
    own = {"maxRetries", "failOnStderr", "continueOnReturnCode"}  # Cromwell handles these by itself
    assert sent - own - {"memory"} == declared - {"memory_mib"}


def test_the_root_is_where_pfcon_reads_and_the_name_that_pfcon_asks_for() -> None:
    root = re.search(r'root = "(.*)"', stanza())
    assert root
    assert PurePosixPath(root[1]).is_relative_to("/srv/storeBase/.pfcon/cromwell")
    assert f"backend.providers.{wdl.BACKEND} {{" in stanza()
