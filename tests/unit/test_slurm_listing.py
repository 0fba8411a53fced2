"""The lists of all jobs of Slurm: from one answer of squeue, and the jobs' directories."""

import os
import shutil
import time
from pathlib import Path

import pytest

from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.folders import requests
from pfcon.compute.slurm.listing import Lister
from pfcon.compute.slurm.parsing import Row
from pfcon.compute.slurm.queue import Queue
from pfcon.models import JobId, JobKind, JobSpec

PATIENCE = 60.0  # seconds


class Site:
    """Jobs' directories, and a queue of Slurm that counts how often it was asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[Row] = []
        self.asked = 0
        self.lister = Lister(Queue(self._answer, staleness=0).rows, PATIENCE)

    def _answer(self) -> list[Row]:
        self.asked += 1
        return self.rows

    def submit(self, name: str, state: str = "RUNNING", reason: str = "") -> JobFolder:
        """A job with its directory and its row."""
        spec = JobSpec(name, JobId.parse(name), JobKind.PLUGIN, "image", ("true",), request=f"request of {name}")
        folder = JobFolder.prepare(self.root, spec)
        folder.write("spec.json", spec.to_json())
        folder.claim()
        self.rows.append(Row(str(len(self.rows) + 1), state, reason=reason, marker=folder.marker))
        return folder

    def change(self, number: int, state: str, reason: str = "") -> None:
        """Another state of a row."""
        old = self.rows[number]
        self.rows[number] = Row(old.id, state, reason=reason, marker=old.marker)

    def active(self) -> dict[str, str]:
        return self.lister.active_jobs(self.root)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_two_hundred_jobs_cost_one_squeue_and_their_directories_are_read_once(site: Site) -> None:
    folders = [site.submit(f"job-{number}") for number in range(200)]
    assert len(site.active()) == 200
    assert site.asked == 1
    for number, folder in enumerate(folders):
        (folder.path / "node.0").symlink_to(f"node-{number}")
    site.active()
    for folder in folders:
        (folder.path / "spec.json").write_text("damaged")
        (folder.path / "node.0").unlink()
    assert len(site.active()) == 200
    assert all(text.endswith("started") for text in site.active().values())
    assert site.asked == 4


def test_the_text_changes_once_more_when_the_command_has_started(site: Site) -> None:
    folder = site.submit("a")
    before = site.active()["a"]
    (folder.path / "node.0").symlink_to("a-node")
    after = site.active()["a"]
    assert after not in (before, "")
    assert site.active()["a"] == after


def test_the_text_changes_with_slurms_state_and_reason(site: Site) -> None:
    site.submit("a", "PENDING", "Priority")
    texts = [site.active()["a"]]
    for state, reason in (("PENDING", "Resources"), ("RUNNING", ""), ("COMPLETING", "")):
        site.change(0, state, reason)
        texts += [site.active()["a"], site.active()["a"]]
    assert len(set(texts)) == 4
    assert texts[1::2] == texts[2::2]


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"])
def test_a_job_that_has_ended_is_not_active(site: Site, state: str) -> None:
    site.submit("a")
    site.submit("b")
    site.change(0, state)
    assert list(site.active()) == ["b"]


def test_a_job_in_a_state_that_pfcon_does_not_know_is_active(site: Site) -> None:
    site.submit("a", "DREAMING")
    assert list(site.active()) == ["a"]


def test_the_text_of_a_job_that_can_never_run_changes_once_info_would_end_it(site: Site) -> None:
    for name, reason in (("a", "PartitionConfig"), ("b", "Priority")):
        folder = site.submit(name, "PENDING", reason)
        young = time.time() - PATIENCE / 2
        os.utime(folder.path / "spec.json", (young, young))
    before = site.active()
    for name in ("a", "b"):
        os.utime(JobFolder.open(site.root, name).path / "spec.json", (1, 1))
    after = Lister(site.lister._rows, PATIENCE).active_jobs(site.root)
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]


def test_what_is_no_job_of_this_storebase_is_not_active(site: Site) -> None:
    site.submit("a")
    probe = site.submit("b")
    probe.link.unlink()  # the probe of ``check`` has a directory, but no name
    site.rows += [Row("7", "RUNNING"), Row("8", "RUNNING", marker="../a"), Row("9", "RUNNING", marker="0" * 32)]
    assert list(site.active()) == ["a"]


def test_a_directory_that_can_not_be_read_does_not_affect_other_jobs(site: Site) -> None:
    for name in ("a", "b", "c"):
        site.submit(name)
    (JobFolder.open(site.root, "b").path / "spec.json").write_text("{")
    shutil.rmtree(JobFolder.open(site.root, "c").path)
    (site.root / "a-file").touch()
    assert list(site.active()) == ["a"]
    assert requests(site.root) == {"a": "request of a", "b": ""}


def test_a_new_job_of_a_name_is_found_while_the_earlier_one_ends(site: Site) -> None:
    earlier = site.submit("a", "COMPLETING")
    before = site.active()["a"]
    earlier.remove()
    site.submit("a", "PENDING", "Priority")
    assert site.active()["a"] not in (before, "")
    site.change(0, "COMPLETED")
    assert site.active()["a"] == "2 PENDING Priority"
