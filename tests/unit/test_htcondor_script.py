"""The script of an HTCondor job, run by this machine's shell: its watch over pfcon's orders, and a second run."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.spec import script
from pfcon.compute.slurm.node_job import Image, NodeJob
from pfcon.models import JobId, JobKind, JobSpec, Resources
from pfcon.testing.waiting import PATIENCE, eventually

SPEC = JobSpec("7", JobId("7"), JobKind.PLUGIN, "local/pl-test:1", ("prog",))
SHORT = "0.1"  # seconds, instead of interval
LASTING = 'echo $$ >"$2/launcher"; echo run >>{runs}; while [ ! -e {go} ]; do sleep 0.1; done; exit 7\n'
IGNORING = 'trap "" TERM; echo $$ >"$2/launcher"; echo run >>{runs}; while :; do sleep 0.1; done\n'
GRACE = 20  # seconds


class Node:
    """A directory of a job whose launcher is ``true``, for launch.sh needs none here."""

    def __init__(self, directory: Path, name: str = "job") -> None:
        self.directory = directory / name
        self.directory.mkdir()
        (directory / "tmp").mkdir()
        where = PurePosixPath(self.directory)
        job = NodeJob.of(SPEC, "m", Image(PurePosixPath("/r")), directory=where, root=where, user=(0, 0))
        text = script(job, HTCondorSettings(), Resources(), GRACE, 1024 * 1024)
        assert "interval=5" in text
        text = text.replace("interval=5", f"interval={SHORT}").replace("PROGRAM=crun", "PROGRAM=true")
        (self.directory / "job.sh").write_text(text)
        launch = LASTING.format(runs=directory / "runs", go=directory / "go")
        (self.directory / "launch.sh").write_text(launch)
        self.runs = directory / "runs"
        self.go = directory / "go"
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, number: str = "17", worker: str = "0") -> "subprocess.Popen[bytes]":
        environ = {
            "PATH": os.environ["PATH"],
            "PFCON_HTCONDOR_ID": number,
            "PFCON_HTCONDOR_WORKER": worker,
            "TMPDIR": str(self.directory.parent / "tmp"),
        }
        process = subprocess.Popen(["/bin/sh", self.directory / "job.sh"], env=environ, start_new_session=True)
        self.started.append(process)
        return process

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    yield node
    node.end()


def test_the_claim_has_htcondor_s_id_and_the_exit_code_is_written(node: Node) -> None:
    process = node.start()
    assert eventually(node.runs.exists)
    assert os.readlink(node.directory / "claim") == "17"
    node.go.touch()
    assert process.wait(PATIENCE) == 7
    assert (node.directory / "exit").read_text() == "7\n"


@pytest.mark.parametrize("order", ["cancel", "now", "end.json"])
def test_an_order_in_the_directory_ends_the_job_without_htcondor(node: Node, order: str) -> None:
    process = node.start()
    assert eventually(node.runs.exists)
    (node.directory / order).touch()
    assert process.wait(PATIENCE) == 143
    assert (node.directory / "exit").read_text() == "143\n"


def test_a_second_run_waits_for_the_end_of_the_first_and_runs_nothing(node: Node) -> None:
    first = node.start()
    assert eventually(node.runs.exists)
    second = node.start()
    time.sleep(2.5)  # longer than it waits for a run that shows no life
    assert second.poll() is None
    node.go.touch()
    assert first.wait(PATIENCE) == 7
    assert second.wait(PATIENCE) == 98
    assert node.runs.read_text() == "run\n"


def test_a_second_run_does_not_wait_for_one_that_is_dead(node: Node) -> None:
    first = node.start()
    assert eventually(node.runs.exists)
    os.killpg(first.pid, signal.SIGKILL)
    assert node.start().wait(PATIENCE) == 98
    assert not (node.directory / "exit").exists()


def test_a_job_whose_start_was_prevented_ends_immediately(node: Node) -> None:
    (node.directory / "claim").symlink_to("pfcon")
    begun = time.monotonic()
    assert node.start().wait(PATIENCE) == 98
    assert time.monotonic() - begun < 1
    assert not node.runs.exists()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Node]:
    """The node of the second of several workers."""
    job = tmp_path / "job"
    job.mkdir()
    node = Node(job, "worker.1")
    yield node
    node.end()


def test_a_worker_that_fails_as_the_first_is_recorded_in_the_directory_of_the_job(worker: Node, tmp_path: Path) -> None:
    process = worker.start(worker="1")
    assert eventually(worker.runs.exists)
    assert (worker.directory / "node.1").is_symlink()
    worker.go.touch()
    assert process.wait(PATIENCE) == 7
    assert os.readlink(tmp_path / "job" / "failed") == "1"


def test_the_failure_of_another_worker_ends_a_worker_and_stays_the_first(worker: Node, tmp_path: Path) -> None:
    process = worker.start(worker="1")
    assert eventually(worker.runs.exists)
    (tmp_path / "job" / "failed").symlink_to("0")
    assert process.wait(PATIENCE) == 143
    assert os.readlink(tmp_path / "job" / "failed") == "0"


@pytest.mark.parametrize("order", ["cancel", "now", "end.json"])
def test_an_order_for_the_job_ends_each_worker(worker: Node, tmp_path: Path, order: str) -> None:
    process = worker.start(worker="1")
    assert eventually(worker.runs.exists)
    (tmp_path / "job" / order).touch()
    assert process.wait(PATIENCE) == 143


@pytest.mark.parametrize("first", ["cancel", "now"])
def test_a_worker_that_ignores_sigterm_is_killed_when_its_job_is_removed(
    worker: Node, tmp_path: Path, first: str
) -> None:
    """Also one that is within its grace already."""
    (worker.directory / "launch.sh").write_text(IGNORING.format(runs=worker.runs))
    process = worker.start(worker="1")
    assert eventually(worker.runs.exists)
    begun = time.monotonic()
    (tmp_path / "job" / first).touch()
    if first == "cancel":
        time.sleep(1)
        assert process.poll() is None
    (tmp_path / "job" / "now").touch()
    assert process.wait(PATIENCE) == 137
    assert time.monotonic() - begun < GRACE / 2


def test_a_worker_does_not_start_after_another_has_failed(worker: Node, tmp_path: Path) -> None:
    (tmp_path / "job" / "failed").symlink_to("0")
    assert worker.start(worker="1").wait(PATIENCE) == 98
    assert os.readlink(worker.directory / "claim") == "pfcon"
    assert not worker.runs.exists()


def test_a_storebase_with_the_name_of_a_worker_is_none(tmp_path: Path) -> None:
    above = tmp_path / "worker.1"
    above.mkdir()
    (above / "failed").symlink_to("0")
    node = Node(above)
    process = node.start()
    assert eventually(node.runs.exists)
    node.go.touch()
    assert process.wait(PATIENCE) == 7


def test_a_worker_that_succeeds_ends_no_other(worker: Node, tmp_path: Path) -> None:
    (worker.directory / "launch.sh").write_text("exit 0\n")
    assert worker.start(worker="1").wait(PATIENCE) == 0
    assert worker.start(worker="1").wait(PATIENCE) == 98  # a second run, which HTCondor may begin
    assert not (tmp_path / "job" / "failed").is_symlink()
