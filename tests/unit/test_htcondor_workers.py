"""The state of a job with several workers on HTCondor, from their directories and what the queue answers."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pfcon.compute.htcondor.analysis import Analyst
from pfcon.compute.htcondor.cancelling import Canceller
from pfcon.compute.htcondor.commands import Commands
from pfcon.compute.htcondor.folder import HTCondorFolder, WorkerFolder
from pfcon.compute.htcondor.parsing import rows
from pfcon.compute.htcondor.queue import Queue
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.status import StatusReader
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus, Resources
from pfcon.reasons import Reason

SPEC = JobSpec(
    "7", JobId("7"), JobKind.PLUGIN, "local/pl-test:1", ("prog",), resources=Resources(time_limit=1, workers=3)
)
OWN = HTCondorSettings()
RUNNING = {"JobStatus": 2, "RemoteHost": "slot1@n1"}
IDLE = {"JobStatus": 1}
BY_CHRIS = {"JobStatus": 3, "NumJobStarts": 1, "RemoveReason": "via condor_rm (by user chris)"}


@dataclass(frozen=True)
class Canned(Commands):
    """condor_q answers with ``ads``. removed: what condor_rm was called with."""

    ads: list[dict[str, Any]] = field(default_factory=list)
    removed: list[list[str]] = field(default_factory=list)

    def run(self, command: Sequence[str], stdin: str = "", timeout: float | None = None, stop: Any = None) -> str:
        if command[0] == "condor_rm":
            self.removed.append([*command[1:]])
        return json.dumps(self.ads) if command[0] == "condor_q" else ""


class Site:
    """A job with three workers."""

    def __init__(self, root: Path) -> None:
        self.commands = Canned()
        self.folder = HTCondorFolder.prepare(root, SPEC)
        self.folder.write_all({"spec.json": SPEC.to_json(), "id": "17"})
        self.folder.claim()
        self.workers = [WorkerFolder.make(self.folder, number) for number in range(3)]
        for worker in self.workers:
            worker.write_all({"launch.sh": "secret"})
        queue = Queue(lambda: rows(self.commands.run(["condor_q"])), 0)
        canceller = Canceller(self.commands, queue, OWN, 1)
        analyst = Analyst(self.commands, OWN)
        self.reader = StatusReader(self.commands, queue, OWN, canceller, analyst, 60, PurePosixPath("/store"))

    def says(self, *ads: dict[str, Any]) -> None:
        """Let the queue have these entries of the workers."""
        common = {"ClusterId": 17, "PfconMarker": self.folder.marker}
        self.commands.ads[:] = [{**common, "ProcId": number, **ad} for number, ad in enumerate(ads)]

    def begun(self, *numbers: int) -> None:
        for number in numbers:
            (self.workers[number].path / "claim").symlink_to("17")
            (self.workers[number].path / f"node.{number}").symlink_to(f"n{number}")

    def ended(self, number: int, code: int) -> None:
        """Let a worker's script record its end, and that it was the first that failed."""
        self.workers[number].write("exit", f"{code}\n")
        failed = self.folder.path / "failed"
        if code and not failed.is_symlink():
            failed.symlink_to(str(number))

    def info(self) -> JobInfo:
        return self.reader.info(self.folder)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_job_has_begun_when_one_of_its_workers_has(site: Site) -> None:
    site.says(IDLE, IDLE, IDLE)
    assert site.info().status is JobStatus.NOT_STARTED
    site.begun(1)
    site.says(IDLE, RUNNING, IDLE)
    info = site.info()
    assert (info.status, info.details.node) == (JobStatus.STARTED, "n1")
    assert site.commands.removed == []


def test_a_job_succeeds_when_all_of_its_workers_have(site: Site) -> None:
    site.begun(0, 1, 2)
    site.says(RUNNING, RUNNING, RUNNING)
    site.ended(0, 0)
    site.ended(2, 0)
    assert site.info().status is JobStatus.STARTED
    site.ended(1, 0)
    info = site.info()
    assert (info.status, info.message, info.details.exit_code) == (JobStatus.SUCCEEDED, "", 0)
    assert info.details.node == "n0,n1,n2"
    assert not list(site.folder.path.rglob("launch.sh"))


def test_the_first_failure_ends_the_others_and_is_the_reason(site: Site) -> None:
    site.begun(0, 1)
    site.ended(1, 3)
    site.says(RUNNING, {"JobStatus": 4, "NumJobStarts": 1, "ExitCode": 3}, IDLE)
    info = site.info()
    assert (info.status, info.message) == (
        JobStatus.STARTED,
        "being stopped: worker 2 of 3: the program failed with exit code 3",
    )
    assert site.commands.removed == [["17.0", "17.2"]]
    assert os.readlink(site.workers[2].path / "claim") == "pfcon"
    site.ended(0, 143)
    site.says(BY_CHRIS, {"JobStatus": 4, "NumJobStarts": 1, "ExitCode": 3})  # nor is the third one in the history
    info = site.info()
    assert (info.status, info.reason, info.details.exit_code) == (JobStatus.FAILED, Reason.EXIT_CODE, 3)
    assert info.message == "worker 2 of 3: the program failed with exit code 3"
    site.says()
    assert site.info() == info


def test_a_worker_whose_script_recorded_nothing_is_recorded_by_pfcon(site: Site) -> None:
    site.begun(0, 1, 2)
    site.says(RUNNING, RUNNING, {"JobStatus": 4, "NumJobStarts": 1, "ExitBySignal": True, "ExitSignal": 9})
    assert site.info().message.startswith("being stopped: worker 3 of 3: the program was ended by signal SIGKILL")
    assert os.readlink(site.folder.path / "failed") == "2"
    assert site.commands.removed == [["17.0", "17.1"]]


def test_a_failure_that_htcondor_does_not_know_yet_ends_nothing_from_here(site: Site) -> None:
    site.begun(0, 1, 2)
    site.ended(1, 3)
    site.says(RUNNING, RUNNING, RUNNING)
    assert (site.info().status, site.info().message) == (JobStatus.STARTED, "")
    assert site.commands.removed == []


@pytest.mark.parametrize(
    ("ad", "message"),
    [
        ({"JobStatus": 5, "NumJobStarts": 1, "HoldReasonCode": 46}, "stopped at its time limit of 1 minute"),
        (BY_CHRIS, "worker 1 of 3: stopped in HTCondor by user chris, not by pfcon"),
    ],
)
def test_the_time_limit_is_the_job_s_and_other_reasons_are_a_worker_s(
    site: Site, ad: dict[str, Any], message: str
) -> None:
    site.begun(0, 1, 2)
    for number in range(3):
        site.ended(number, 143)
    site.says(ad, BY_CHRIS, BY_CHRIS)
    assert site.info().message == message


def test_a_cancelled_job_is_cancelled_as_a_whole(site: Site) -> None:
    site.begun(0)
    site.folder.write("cancel", "")
    site.ended(0, 143)
    assert site.reader.canceller.request_end(site.folder)
    assert [os.readlink(worker.path / "claim") for worker in site.workers] == ["17", "pfcon", "pfcon"]
    site.says(BY_CHRIS, BY_CHRIS, BY_CHRIS)
    info = site.info()
    assert (info.status, info.message, info.details.exit_code) == (JobStatus.FAILED, "cancelled", None)


def test_the_id_of_the_job_is_known_to_its_workers(site: Site) -> None:
    (site.folder.path / "id").unlink()
    assert not site.folder.id
    site.says(RUNNING, RUNNING, IDLE)
    assert site.info().status is JobStatus.STARTED
    site.begun(2)
    assert (site.folder.id, site.workers[0].id) == ("17", "17")


def test_the_log_has_a_heading_for_each_worker(site: Site) -> None:
    site.workers[0].write("log", "one\ntwo\n")
    site.workers[2].write("log", "three\n")
    assert site.folder.job_log(30, 1024) == b"== worker 1 ==\none\ntwo\n== worker 3 ==\nthree\n"
