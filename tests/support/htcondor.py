"""The htcondor engine for tests, on a personal pool of this one machine (tests/engines/htcondor.sh)."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import psutil

from pfcon.compute.htcondor.engine import HTCondorEngine
from pfcon.compute.htcondor.parsing import MARKER
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.slurm.settings import LauncherName
from pfcon.models import JobSpec
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness, Untouched
from pfcon.testing.compute.outside import processes_of
from pfcon.testing.waiting import PATIENCE

from .capabilities import CAPABILITIES
from .engines import IMAGE, WORKDIR, htcondor_pool
from .settings import compute_settings

MINUTES = 10
STALENESS = 0.1  # seconds; a test asks all the time
SCRIPT = "/job.sh"


def htcondor_prefix(conf: str) -> tuple[str, ...]:
    """What runs a command where the pool's programs are, as the user who has the pool."""
    prefix = shlex.split(os.environ.get("PFCON_TEST_HTCONDOR_PREFIX", ""))
    return (*prefix, "env", f"CONDOR_CONFIG={conf}")


def htcondor_settings(conf: str, **overrides: Any) -> HTCondorSettings:
    """Of a pool by its condor_config, with the tests' image used in place."""
    values: dict[str, Any] = {
        "prefix": htcondor_prefix(conf),
        "images": Path(os.environ["PFCON_TEST_SLURM_IMAGES"]),
        **overrides,
    }
    values["launcher"] = LauncherName(values.get("launcher", "crun"))
    return HTCondorSettings(**values)


def htcondor_engine(
    conf: str, root: Path, *, minutes: int = MINUTES, patience: float = 60, stop_grace: int = 1, **overrides: Any
) -> HTCondorEngine:
    """An engine over a storeBase; ``overrides``: fields of HTCondorSettings, or ``storebase`` as nodes see it."""
    storebase = overrides.pop("storebase", PurePosixPath(root))
    settings = compute_settings(
        engine="htcondor", storebase=storebase, timelimit=minutes, own=htcondor_settings(conf, **overrides)
    )
    return HTCondorEngine(
        settings, settings.own, StoreBase(root), staleness=STALENESS, patience=patience, stop_grace=stop_grace
    )


def htcondor_environ() -> dict[str, str]:
    """What a service gets to use the pool; skips or fails the test where it does not answer."""
    prefix = shlex.join(htcondor_prefix(htcondor_pool()))
    images = os.environ["PFCON_TEST_SLURM_IMAGES"]
    return {"HTCONDOR_PREFIX": prefix, "HTCONDOR_IMAGES": images, "TIMELIMIT_MINUTES": str(MINUTES)}


def htcondor_harness(root: Path, launcher: str = "crun") -> Harness:
    """The engine on the pool; skips or fails the test where it does not answer."""
    conf = htcondor_pool()
    name = f"htcondor-{launcher}" if f"htcondor-{launcher}" in CAPABILITIES else "htcondor"
    return Harness(
        htcondor_engine(conf, root, launcher=launcher),
        StoreBase(root),
        IMAGE,
        name,
        CAPABILITIES[name],
        make_dead=lambda: htcondor_engine("/dev/null", root / "away", timeout=10),
        labels_of=lambda job: labels_of(conf, job),
        foreign_job=lambda name, *, forged: foreign_job(conf, name, forged=forged),
        end_keeper=end_script,
        workdir=WORKDIR,
    )


def condor_command(conf: str, *words: str, stdin: str = "") -> str:
    """What one of HTCondor's commands prints; it has to succeed."""
    command = [*htcondor_prefix(conf), *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout


def labels_of(conf: str, job: str) -> dict[str, str]:
    """The labels of a job by its name, as an administrator reads them."""
    words = ["-constraint", f'PfconJob == "{job}"', "-json", "-attributes", "PfconLabels"]
    found = json.loads(condor_command(conf, "condor_q", *words) or "[]")
    labels: dict[str, str] = found[0]["PfconLabels"]
    return labels


@contextlib.contextmanager
def foreign_job(conf: str, name: str, *, forged: bool) -> Iterator[Untouched]:
    """Somebody else's job, as the functions of ``support.foreign``: on hold, by the same user."""
    lines = ["executable = /bin/sleep", "arguments = 600", "transfer_executable = False", "hold = True"]
    lines += ["should_transfer_files = NO", f"batch_name = {name}", f'MY.{MARKER} = "{uuid.uuid4().hex}"'] * forged
    description = "\n".join([*lines, "queue", ""])
    number = condor_command(conf, "condor_submit", "-terse", stdin=description).partition(" ")[0]
    try:
        yield lambda: condor_command(conf, "condor_q", number, "-af", "JobStatus").strip() == "5"
    finally:
        condor_command(conf, "condor_rm", number)


def end_script(spec: JobSpec) -> None:
    """Kill the script of a job of ``start_lasting``."""
    above = [parent for process in processes_of(spec) for parent in psutil.Process(process).parents()]
    scripts = {parent.pid for parent in above if " ".join(parent.cmdline()).endswith(SCRIPT)}
    assert scripts
    for script in scripts:
        os.kill(script, signal.SIGKILL)


def job_directory(storebase: StoreBase, name: str) -> Path:
    """A job's directory."""
    return (storebase.private / "htcondor" / name).resolve(strict=True)
