"""What the fault rounds take for wrong; nothing strikes here."""

import threading
from pathlib import Path
from typing import Any

import pytest
from fault_rounds.client import PatientClient
from fault_rounds.lives import FAILURE, SUCCESS
from fault_rounds.options import Options
from fault_rounds.runs import Ran
from fault_rounds.schedule import Ending, PlannedJob
from fault_rounds.site import Site
from fault_rounds.staged_lives import POSTS, LinkLife
from fault_rounds.tally import Tally, Verdict
from support.live import LiveServer


class GivenRuns:
    """The job has come to its end so often."""

    def __init__(self, ended: int) -> None:
        self._ended = ended

    def script(self, jid: str, body: str) -> str:
        return f"{jid}: {body}"

    def of(self, jid: str) -> Ran:
        return Ran(self._ended, together=False)

    def left(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


class GivenStatus(LinkLife):
    """Its operations end with these statuses, one after the other."""

    statuses: list[str]

    def submitted(self, path: str, form: dict[str, Any], data_file: bytes = b"") -> None:
        pass

    def ended(self, resource: str) -> dict[str, str] | None:
        status, _, message = self.statuses.pop(0).partition(": ")
        return {"status": status, "message": message or f"why of {resource}"} if status else None


def life(root: Path, *, killed: bool = False, ended: int = 0, ending: Ending = Ending.SUCCESS) -> GivenStatus:
    site = Site(Options(1, 1, storage="fslink"), root, root, LiveServer(root), small_disk=False)
    planned = PlannedJob(ending, 0, 0, 0, files=2)
    made = GivenStatus(site, planned, PatientClient("", threading.Event()), GivenRuns(ended), Tally())
    site.killed |= {made.jid} if killed else set()
    return made


def compute(status: str, message: str = "") -> dict[str, str]:
    return {"status": status, "message": message, "logs": "done\n"}


DIED = compute(FAILURE, "its supervisor died")
BY_ITSELF = compute(FAILURE, "exit code 3")


@pytest.mark.parametrize("said", [DIED, BY_ITSELF, compute("undefined", "who knows")])
def test_a_job_that_nobody_killed_has_no_failure_but_its_own(tmp_path: Path, said: dict[str, str]) -> None:
    job = life(tmp_path, ended=1)
    assert not job.judge("pluginjobs", said)
    assert job.tally.verdicts == {Verdict.WRONG: 1}


def test_a_job_that_was_killed_has_failed_for_a_reason(tmp_path: Path) -> None:
    job = life(tmp_path, killed=True)
    assert job.judge("pluginjobs", DIED)
    assert job.was_killed
    for wrong in (compute(FAILURE), compute(SUCCESS), compute("undefined", "who knows")):
        job = life(tmp_path, killed=True)
        assert not job.judge("pluginjobs", wrong)
        assert job.tally.verdicts == {Verdict.WRONG: 1}


@pytest.mark.parametrize(("ending", "said"), [(Ending.SUCCESS, compute(SUCCESS)), (Ending.FAILURE, BY_ITSELF)])
def test_a_job_may_come_to_its_end_just_before_it_is_killed(
    tmp_path: Path, ending: Ending, said: dict[str, str]
) -> None:
    job = life(tmp_path, killed=True, ended=1, ending=ending)
    assert job.judge("pluginjobs", said)
    assert not job.was_killed
    assert job.tally.is_clean


def test_files_are_compared_by_name_and_byte(tmp_path: Path) -> None:
    job = life(tmp_path)
    name = next(iter(job.inputs))
    job.compare("outputs", job.inputs)
    assert job.tally.is_clean
    fewer = {other: data for other, data in job.inputs.items() if other != name}
    for wrong in ({}, fewer, {**job.inputs, name: b""}, {**job.inputs, "more": b""}):
        job = life(tmp_path)
        job.jid, job.inputs = "j", {**job.inputs}
        job.compare("outputs", wrong)
        assert job.tally.verdicts == {Verdict.LOST: 1}


def test_a_killed_job_may_have_left_less_but_nothing_else(tmp_path: Path) -> None:
    job = life(tmp_path, killed=True)
    job.judge("pluginjobs", DIED)
    name, data = next(iter(job.inputs.items()))
    for cut_off in ({}, {name: data[:5]}, {name: data}):
        job.compare("outputs", cut_off)
    assert job.tally.is_clean
    job.compare("outputs", {name: b"other"})
    job.compare("outputs", {"more": data})
    assert job.tally.verdicts == {Verdict.LOST: 2}


@pytest.mark.parametrize("kind", ["copy", "upload", "delete"])
def test_an_operation_is_posted_again_three_times_when_it_is_undefined_and_never_when_it_has_failed(
    tmp_path: Path, kind: str
) -> None:
    job = life(tmp_path)
    job.statuses = ["undefined"] * (POSTS - 1) + [SUCCESS]
    assert job.operation(kind, {})
    assert job.tally.is_clean
    for statuses in (["undefined"] * POSTS, [FAILURE]):
        job = life(tmp_path)
        job.statuses = statuses
        assert not job.operation(kind, {})
        assert job.statuses == []
        assert job.tally.verdicts == {Verdict.WRONG: 1}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("copy", f"{FAILURE}: storeBase is full"),
        ("upload", f"{FAILURE}: 4.0 MiB must stay free"),
        ("delete", ""),
    ],
)
def test_what_a_full_disk_prevents_is_posted_again(tmp_path: Path, kind: str, said: str) -> None:
    for was_full in (True, False):
        job = life(tmp_path)
        job.site.was_full, job.statuses = was_full, [said, said, SUCCESS]
        assert job.operation(kind, {}) is was_full
        assert job.tally.is_clean == (was_full or not said)
