"""The storage contract: staging of inputs."""

import errno
import os

import pytest

from pfcon.errors import Refused
from pfcon.models import INCOMING, OUTGOING
from pfcon.storage.base import Staged
from pfcon.testing.files import tree
from pfcon.testing.storage.harness import StorageHarness

FILES = {"a.txt": b"alpha", "d/e/b.bin": os.urandom(100_000), "empty": b""}


def test_inputs_appear_complete_and_are_counted(harness: StorageHarness) -> None:
    done = harness.stage(harness.plan(FILES))
    assert done == Staged(3, 0 if harness.can.lacks("copies") else 100_005, ())
    if not harness.can.lacks("copies"):
        assert [path.name for path in harness.job.path.iterdir()] == ["incoming"]
    harness.make_outputs(harness.job)
    assert tree(harness.mounted(harness.job, INCOMING)) == FILES


def test_planning_writes_nothing(harness: StorageHarness) -> None:
    harness.plan(FILES)
    assert not harness.job.exists()


def test_no_inputs_are_inputs_too(harness: StorageHarness) -> None:
    assert harness.stage(harness.plan({})) == Staged(0, 0, ())
    harness.make_outputs(harness.job)
    assert list(harness.mounted(harness.job, INCOMING).iterdir()) == []


def test_links_are_expanded_and_not_counted(harness: StorageHarness) -> None:
    harness.can.need("links")
    linked = {"home/bob/f": b"data", "home/bobby/g": b"other"}
    done = harness.stage(harness.plan({"d/home_bob.chrislink": b"home/bob", "h": b""}, linked))
    assert (harness.job.incoming / "d/home_bob/f").read_bytes() == b"data"
    assert not list(harness.job.incoming.rglob("*.chrislink"))
    assert done.nfiles == len(tree(harness.job.incoming))


def test_a_link_without_a_target_is_reported(harness: StorageHarness) -> None:
    harness.can.need("links")
    done = harness.stage(harness.plan({"l.chrislink": b"no/where", "f": b""}))
    assert done.nfiles == 1
    assert "no/where" in done.notes[0]


def assert_refused(harness: StorageHarness, target: bytes) -> None:
    harness.can.need("links")
    with pytest.raises(Refused, match="Invalid input path"):
        harness.stage(harness.plan({"l.chrislink": target}))
    assert not harness.job.exists()


def test_a_link_to_an_absolute_path_is_refused(harness: StorageHarness) -> None:
    assert_refused(harness, b"/etc")


def test_a_link_that_leads_out_is_refused(harness: StorageHarness) -> None:
    assert_refused(harness, b"../../etc")


def test_a_link_without_a_text_is_refused(harness: StorageHarness) -> None:
    assert_refused(harness, b"")


def test_the_same_request_has_the_same_digest(harness: StorageHarness) -> None:
    plan = harness.plan(FILES)
    assert harness.plan_again().digest == plan.digest
    assert harness.plan({"other": b""}).digest != plan.digest
    assert int(plan.digest, 16) >= 0


def test_a_job_that_is_staged_already_is_left_as_it_is(harness: StorageHarness) -> None:
    harness.can.need("copies")
    harness.stage(harness.plan(FILES))
    with pytest.raises(OSError, match=rf"\[Errno {errno.ENOTEMPTY}\]"):
        harness.stage(harness.plan({"other": b""}))
    assert tree(harness.job.incoming) == FILES
    assert [path.name for path in harness.job.path.iterdir()] == ["incoming"]


def test_the_job_sees_its_own_directories_alone(harness: StorageHarness) -> None:
    harness.stage(harness.plan(FILES))
    harness.make_outputs(harness.job)
    mounts = {mount.target: mount for mount in harness.storage.mounts(harness.job, harness.request)}
    assert mounts.keys() == {INCOMING, OUTGOING}
    assert mounts[INCOMING].read_only
    assert not mounts[OUTGOING].read_only
    assert mounts[INCOMING].source == (
        harness.request.input_dirs[0] if harness.can.lacks("copies") else harness.job.incoming_source
    )
    in_place = harness.request.output_dir if harness.storage.in_storebase else None
    assert mounts[OUTGOING].source == (in_place or harness.job.outgoing_source)


__all__ = [name for name in [*globals()] if name.startswith("test_")]
