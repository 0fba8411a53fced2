"""The backends of docs/engines/cromwell.md, with what Cromwell and pfcon give them."""

import re
from pathlib import Path, PurePosixPath
from typing import Any

import WDL
from fakes.cromwell_task import read_task

from pfcon.compute.cromwell import spec as wdl
from pfcon.models import JobSpec

PAGE = Path(__file__).parents[2] / "docs" / "engines" / "cromwell.md"
ROOT = PurePosixPath("/srv/storebase")
APPTAINER, DOCKER = "cromwell", "cromwell-docker"
GIVEN = {  # what Cromwell itself adds (ConfigConstants in its source)
    "job_name": "cromwell_8e592ed8_job",
    "cwd": "/srv/storebase/.pfcon/cromwell/executions/pfcon/8e592ed8/call-job",
    "err": "/srv/storebase/.pfcon/cromwell/executions/pfcon/8e592ed8/call-job/execution/stderr",
    "docker_cwd": "/cromwell-executions/pfcon/8e592ed8/call-job",
    "docker_script": "/cromwell-executions/pfcon/8e592ed8/call-job/execution/script",
    "docker_cid": "/srv/storebase/.pfcon/cromwell/executions/pfcon/8e592ed8/call-job/execution/docker_cid",
    "job_shell": "/bin/sh",
}


def stanza(name: str) -> str:
    """The configuration of a backend."""
    found = re.search(rf"<!-- {name}:begin -->(.*)<!-- {name}:end -->", PAGE.read_text(), re.DOTALL)
    assert found
    return found[1]


def text_of(name: str, key: str) -> str:
    """One of its texts of several lines."""
    found = re.search(rf'{key} = """\n(.*?)\n\s*"""', stanza(name), re.DOTALL)
    assert found
    return found[1]


def declared(name: str) -> dict[str, str]:
    """The types of the runtime attributes that it declares."""
    found = re.findall(r"^\s*(\w+\??) (\w+)", text_of(name, "runtime-attributes"), re.MULTILINE)
    return {key: kind for kind, key in found}


def submit_script(name: str, spec: JobSpec, minutes: int = 90, root: PurePosixPath = ROOT, **given: str) -> str:
    """The submit command for a job, instantiated as WDL draft-2: so does Cromwell."""
    values: dict[str, Any] = {**GIVEN, **given, **read_task(wdl.document(spec, root, minutes)).runtime}
    if spec.resources.memory is not None:
        values["memory_mib"] = spec.resources.memory
    kinds = dict.fromkeys(GIVEN, "String") | declared(name)
    lines = "\n".join(f"{kind} {key}" for key, kind in kinds.items())
    source = f"task submit {{\n{lines}\ncommand {{\n{text_of(name, 'submit-docker')}\n}}\n}}"
    document = WDL.parse_document(source)
    document.typecheck()
    env: WDL.Env.Bindings[WDL.Value.Base] = WDL.Env.Bindings()
    for key, kind in kinds.items():
        value = values.get(key)
        if value is None:
            bound: WDL.Value.Base = WDL.Value.Null() if kind.endswith("?") else WDL.Value.Int(1)
        else:
            bound = WDL.Value.Int(value) if kind.startswith("Int") else WDL.Value.String(str(value))
        env = env.bind(key, bound)
    library = WDL.StdLib.Base("draft-2")
    parts = document.tasks[0].command.parts
    return "".join(part if isinstance(part, str) else str(part.eval(env, library).value) for part in parts)
