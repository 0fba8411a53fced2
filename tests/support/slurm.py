"""The slurm engine for tests, on clusters of this one machine (tests/engines/slurm.sh)."""

import contextlib
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import psutil
import pytest

from pfcon.compute.slurm.engine import SlurmEngine
from pfcon.compute.slurm.settings import LauncherName, SlurmSettings
from pfcon.compute.slurm.spec import COMMENT
from pfcon.errors import Refused
from pfcon.models import JobSpec
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness, Untouched
from pfcon.testing.compute.outside import processes_of
from pfcon.testing.waiting import PATIENCE

from .capabilities import CAPABILITIES
from .engines import IMAGE, WORKDIR, slurm_cluster
from .generation import TODAY
from .settings import compute_settings

MINUTES = 10
SCRIPTS = ("/slurm_script", "/slurm/startup")  # as slurmd calls a job's batch script, also in its own container
STALENESS = 0.1  # seconds; a test asks all the time


def launchers(mode: str) -> list[str]:
    """The launchers that the contract runs with on a cluster; some only where today's packages are.

    podman's processes leave the batch script's, so that a cluster without cgroups does not know their memory.
    """
    if mode == "plain":
        return ["crun", "charliecloud", "container", *(["apptainer"] if TODAY else [])]
    return ["crun", "runc", "charliecloud", "container", *(["podman"] if TODAY else [])]


def default_mode() -> str:
    """The cluster that all of the contract runs on: with cgroups, where this machine has them."""
    return "cgroup" if os.environ.get("PFCON_TEST_SLURM_CGROUP") else "plain"


def slurm_settings(conf: str, **overrides: Any) -> SlurmSettings:
    """Of a cluster by its slurm.conf, with the tests' image used in place."""
    values: dict[str, Any] = {
        "prefix": ("env", f"SLURM_CONF={conf}"),
        "images": Path(os.environ["PFCON_TEST_SLURM_IMAGES"]),
        **overrides,
    }
    values["launcher"] = LauncherName(values.get("launcher", "crun"))
    return SlurmSettings(**values)


def as_user(conf: str, number: int) -> tuple[str, ...]:
    """Words before Slurm's commands, for an ordinary user. number: uid and gid. Only root may enter the tree."""
    enter = os.environ.get("PFCON_TEST_ENTER")
    become = ("setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups")
    return (*([enter] if enter else []), *become, "env", f"SLURM_CONF={conf}")


def slurm_engine(
    conf: str, root: Path, *, minutes: int = MINUTES, patience: float = 60, stop_grace: int = 1, **overrides: Any
) -> SlurmEngine:
    """An engine over a storeBase; ``overrides``: fields of SlurmSettings, or ``storebase`` as nodes see it."""
    storebase = overrides.pop("storebase", PurePosixPath(root))
    settings = compute_settings(
        engine="slurm", storebase=storebase, timelimit=minutes, own=slurm_settings(conf, **overrides)
    )
    return SlurmEngine(
        settings, settings.own, StoreBase(root), staleness=STALENESS, patience=patience, stop_grace=stop_grace
    )


def slurm_environ() -> dict[str, str]:
    """What a service gets to use the cluster; skips or fails the test where it does not answer."""
    conf = slurm_cluster(default_mode())
    images = os.environ["PFCON_TEST_SLURM_IMAGES"]
    return {"SLURM_CONF": conf, "SLURM_IMAGES": images, "TIMELIMIT_MINUTES": str(MINUTES)}


def refusal_of(engine: SlurmEngine, spec: JobSpec) -> str:
    """Schedule a job. Why Slurm refuses it; nothing when it does not."""
    try:
        engine.schedule(spec)
    except Refused as refusal:
        return str(refusal)
    return ""


def slurm_harness(root: Path, mode: str = "", launcher: str = "crun") -> Harness:
    """The engine on a cluster, ``cgroup`` or ``plain``; skips or fails the test where it does not answer."""
    mode = mode or default_mode()
    if mode == "cgroup" and slurm_cluster("plain") and default_mode() != mode:
        pytest.skip("this machine has no cgroups of version 1, which Slurm 22.05 needs")
    conf = slurm_cluster(mode)
    engine = slurm_engine(conf, root, launcher=launcher)
    name = f"slurm-{launcher}" if f"slurm-{launcher}" in CAPABILITIES else "slurm"
    return Harness(
        engine,
        StoreBase(root),
        IMAGE,
        name,
        CAPABILITIES[name],
        make_dead=lambda: slurm_engine("/dev/null", root / "away", timeout=1),
        labels_of=lambda job: labels_of(conf, job),
        foreign_job=partial(foreign_batch, conf),
        end_keeper=end_script,
        workdir=WORKDIR,
    )


@contextlib.contextmanager
def foreign_batch(conf: str, name: str, *, forged: bool) -> Iterator[Untouched]:
    """Somebody else's job, as the functions of ``support.foreign``.

    By the same user, whom alone pfcon asks Slurm about, with a comment of our form.
    """
    comment = f"--comment={COMMENT}{uuid.uuid4().hex}"
    words = ["sbatch", "--parsable", f"--job-name={name}", comment, "--output=/dev/null", "--chdir=/", "--hold"]
    number = slurm_command(conf, *words, "--wrap=sleep 600").strip().partition(";")[0]
    try:
        yield lambda: slurm_command(conf, "squeue", "--noheader", "--jobs", number, "--format=%T").strip() == "PENDING"
    finally:
        slurm_command(conf, "scancel", number)


def labels_of(conf: str, job: str) -> dict[str, str]:
    """The labels of a job by its name, as an administrator reads them: the last word of its comment."""
    words = ["squeue", "--noheader", "--states=all", "--name", job, "--Format=Comment:1024"]
    return dict(pair.split("=", 1) for pair in slurm_command(conf, *words).split()[-1].split(","))


def end_script(spec: JobSpec) -> None:
    """Kill the batch script of a job of ``start_lasting``.

    To the job's controller, that signal would be a person's scancel.
    """
    above = [parent for process in processes_of(spec) for parent in psutil.Process(process).parents()]
    scripts = {parent.pid for parent in above if " ".join(parent.cmdline()).endswith(SCRIPTS)}
    assert scripts
    for script in scripts:
        os.kill(script, signal.SIGKILL)


def slurm_command(conf: str, *words: str, check: bool = True) -> str:
    """What one of Slurm's commands prints; with ``check``, it has to succeed."""
    environ = {**os.environ, "SLURM_CONF": conf}
    done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=check)
    return done.stdout


def job_directory(storebase: StoreBase, name: str) -> Path:
    """A job's directory."""
    return (storebase.private / "slurm" / name).resolve(strict=True)


def leftovers(word: str) -> list[int]:
    """Processes of this machine whose command has a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if any(word.encode() in part for part in path.read_bytes().split(b"\0")):
                found.append(int(path.parent.name))
        except OSError:
            continue  # it ended while we looked
    return found
