"""A job that prints without end fills no storeBase: of its log the first part and the last are kept."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.compute import make_harness
from support.engines import slurm_cluster
from support.settings import compute_settings
from support.slurm import MINUTES, STALENESS, default_mode, slurm_settings

from pfcon.compute.base import ComputeEngine
from pfcon.compute.process.engine import ProcessEngine
from pfcon.compute.process.supervisor import BLOCK
from pfcon.compute.slurm.engine import SlurmEngine
from pfcon.models import JobStatus, Resources
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

KEPT = 256 * 1024
SLACK = 64 * 1024 + BLOCK
MANY = 'i=0; while [ $i -lt 40000 ]; do echo "line $i of the log"; i=$((i+1)); done'


def process_engine(root: Path) -> ComputeEngine:
    return ProcessEngine(StoreBase(root), stop_grace=2, log_bytes=KEPT)


def slurm_engine(root: Path) -> ComputeEngine:
    settings = compute_settings(
        engine="slurm",
        storebase=root,
        timelimit=MINUTES,
        own=slurm_settings(slurm_cluster(default_mode())),
        log_bytes=KEPT,
    )
    return SlurmEngine(settings, settings.own, StoreBase(root), staleness=STALENESS, stop_grace=1)


ENGINES: list[object] = [
    pytest.param("process", process_engine, id="process"),
    pytest.param("slurm-" + default_mode() + "-crun", slurm_engine, id="slurm", marks=pytest.mark.engine("slurm")),
]


@pytest.fixture
def make(storebase: StoreBase) -> Iterator[Callable[[str, Callable[[Path], ComputeEngine]], Harness]]:
    """A function that makes an engine's harness with a small log."""
    made: list[Harness] = []

    def start(name: str, engine: Callable[[Path], ComputeEngine]) -> Harness:
        made.append(replace(make_harness(name, storebase.root), engine=engine(storebase.root)))
        return made[-1]

    yield start
    for harness in made:
        harness.close()


def on_disk(storebase: StoreBase) -> int:
    """Bytes of all logs of jobs."""
    found = 0
    for path in storebase.private.rglob("log*"):
        if path.is_file() and not path.is_symlink() and path.name.split(".")[0] == "log":
            found += path.stat().st_size
    return found


@pytest.mark.parametrize(("name", "engine"), ENGINES)
def test_the_first_part_and_the_last_are_kept(
    make: Callable[..., Harness], storebase: StoreBase, name: str, engine: Callable[[Path], ComputeEngine]
) -> None:
    compute = make(name, engine)
    spec = compute.shell(f"{MANY}; exit 3", resources=Resources(cpu=1000, memory=256))
    info = compute.run(spec)
    assert (info.status, "exit code 3" in info.message) == (JobStatus.FAILED, True), info.message
    log = compute.engine.logs(spec.name, 10**6).splitlines()
    assert (log[0], log[-1]) == ("line 0 of the log", "line 39999 of the log")
    assert sum("left out here (PFCON_LOG_BYTES)" in line for line in log) == 1
    assert compute.engine.logs(spec.name, 2) == "line 39998 of the log\nline 39999 of the log\n"
    assert KEPT // 2 <= on_disk(storebase) <= KEPT + SLACK


@pytest.mark.parametrize(("name", "engine"), ENGINES)
def test_it_never_grows_beyond_them_while_the_job_runs(
    make: Callable[..., Harness], storebase: StoreBase, name: str, engine: Callable[[Path], ComputeEngine]
) -> None:
    compute = make(name, engine)
    spec = compute.shell("yes", resources=Resources(cpu=1000, memory=256))
    compute.engine.schedule(spec)
    assert eventually(lambda: "left out here" in compute.engine.logs(spec.name, 10**6))
    for _ in range(200):
        try:
            assert on_disk(storebase) <= KEPT + SLACK
        except FileNotFoundError:  # one of the parts went while we looked
            continue
    assert compute.engine.logs(spec.name, 3).split() in (["y", "y", "y"], ["y", "y", "y", "y"])
    compute.engine.cancel(spec.name)
    assert "cancel" in compute.wait(spec.name).message
    assert on_disk(storebase) <= KEPT + SLACK


def test_a_supervisor_that_is_killed_loses_nothing_of_them(make: Callable[..., Harness], storebase: StoreBase) -> None:
    compute = make("process", process_engine)
    spec = compute.shell(f'{MANY}; echo $PPID >"$1/supervisor"; echo last; sleep 600')
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.logs(spec.name, 1) == "last\n")
    os.kill(int((compute.outgoing(spec) / "supervisor").read_text()), signal.SIGKILL)
    assert compute.wait(spec.name).status is JobStatus.FAILED
    log = compute.engine.logs(spec.name, 10**6).splitlines()
    assert (log[0], log[-2:]) == ("line 0 of the log", ["line 39999 of the log", "last"])
