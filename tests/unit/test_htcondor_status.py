"""The state of an HTCondor job, from its directory and from what the commands answer."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pfcon.compute.htcondor.analysis import Analyst
from pfcon.compute.htcondor.cancelling import Canceller
from pfcon.compute.htcondor.commands import Commands
from pfcon.compute.htcondor.folder import HTCondorFolder
from pfcon.compute.htcondor.parsing import rows
from pfcon.compute.htcondor.queue import Queue
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.status import StatusReader
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus, Resources
from pfcon.reasons import Reason

SPEC = JobSpec("7", JobId("7"), JobKind.PLUGIN, "local/pl-test:1", ("prog",), resources=Resources(time_limit=1))
OWN = HTCondorSettings()


@dataclass(frozen=True)
class Canned(Commands):
    """What each command answers. called: all commands so far."""

    answers: dict[str, str] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)

    def run(self, command: Sequence[str], stdin: str = "", timeout: float | None = None, stop: Any = None) -> str:
        self.called.append(" ".join((command[0], *command[-1:])) if command[0] == "condor_rm" else command[0])
        return self.answers.get(command[0], "")


class Site:
    """A job with a directory, and commands that answer what a test says."""

    def __init__(self, root: Path) -> None:
        self.commands = Canned()
        self.folder = HTCondorFolder.prepare(root, SPEC)
        self.folder.write_all({"spec.json": SPEC.to_json(), "launch.sh": "secret"})
        self.folder.claim()
        queue = Queue(lambda: rows(self.commands.run(["condor_q"])), 0)
        canceller = Canceller(self.commands, queue, OWN, 1)
        analyst = Analyst(self.commands, OWN)
        self.reader = StatusReader(self.commands, queue, OWN, canceller, analyst, 60, PurePosixPath("/store"))

    def says(self, program: str, **ad: Any) -> None:
        """Make a command answer with this job."""
        whole = {"ClusterId": 17, "ProcId": 0, "PfconMarker": self.folder.marker, **ad}
        self.commands.answers[program] = json.dumps([whole])

    def submitted(self, *, began: bool = True) -> None:
        self.folder.write("id", "17")
        if began:
            (self.folder.path / "claim").symlink_to("17")
            (self.folder.path / "node.0").symlink_to("n1")

    def info(self) -> JobInfo:
        return self.reader.info(self.folder)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_the_success_of_the_script_counts_without_htcondor(site: Site) -> None:
    site.submitted()
    site.folder.write("exit", "0\n")
    info = site.info()
    assert (info.status, info.details.exit_code, info.details.node) == (JobStatus.SUCCEEDED, 0, "n1")
    assert site.commands.called == []
    assert not (site.folder.path / "launch.sh").exists()


def late(site: Site) -> None:
    """Let the job have run until its time limit, and its program end with 0."""
    site.submitted()
    site.folder.write("exit", "0\n")
    ended = (site.folder.path / "exit").stat().st_mtime
    os.utime(site.folder.path / "node.0", (ended - 59, ended - 59), follow_symlinks=False)


def test_a_program_that_ends_with_0_at_its_time_limit_has_failed(site: Site) -> None:
    late(site)
    site.says("condor_q", JobStatus=5, NumJobStarts=1, HoldReasonCode=46, HoldReason="The job exceeded ... 01:00")
    info = site.info()
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.TIME_LIMIT)
    assert site.commands.called[-1] == "condor_rm 17.0"


def test_a_program_that_ends_with_0_just_before_its_time_limit_has_succeeded(site: Site) -> None:
    late(site)
    site.says("condor_q", JobStatus=2, RemoteHost="slot1@n1")
    assert site.info().status is JobStatus.STARTED
    site.says("condor_q", JobStatus=4, NumJobStarts=1, ExitCode=0)
    assert site.info().status is JobStatus.SUCCEEDED


def test_a_job_that_has_left_the_queue_is_looked_for_in_the_history(site: Site) -> None:
    site.submitted()
    site.says("condor_history", JobStatus=3, NumJobStarts=1, RemoveReason="via condor_rm (by user chris)")
    info = site.info()
    assert info.message == "stopped in HTCondor by user chris, not by pfcon"
    assert site.info() == info
    assert site.commands.called.count("condor_history") == 1


def test_the_end_of_a_forgotten_job_is_unknown(site: Site) -> None:
    site.submitted()
    info = site.info()
    assert info.status is JobStatus.UNDEFINED
    assert info.message.startswith(
        "HTCondor has forgotten job 17, and its end is unknown (checked: condor_q, condor_hist"
    )


def test_a_forgotten_job_that_was_cancelled_has_been_cancelled(site: Site) -> None:
    site.submitted()
    site.folder.write("cancel", "")
    assert site.info().message == "cancelled"


def test_a_job_that_is_being_removed_still_runs(site: Site) -> None:
    site.submitted()
    site.says("condor_q", JobStatus=3, RemoteHost="slot1@n1", RemoveReason="via condor_rm (by user chris)")
    assert site.info().status is JobStatus.STARTED


def test_a_job_that_was_not_received_does_not_start_later(site: Site) -> None:
    assert site.info().message == "being submitted"
    site.reader = replace(site.reader, patience=-60)
    info = site.info()
    assert (info.status, info.reason, info.interrupted) == (JobStatus.FAILED, Reason.INTERRUPTED, True)
    assert os.readlink(site.folder.path / "claim") == "pfcon"
