"""The storage contract: the directory of outputs, and their delivery."""

import pytest

from pfcon.errors import Absent
from pfcon.testing.storage.harness import StorageHarness


def test_outputs_are_writable_by_a_job_whose_user_only_the_image_knows(harness: StorageHarness) -> None:
    assert harness.make_outputs(harness.job).stat().st_mode & 0o777 == 0o777


def test_outputs_are_regular_files_alone(harness: StorageHarness) -> None:
    place = harness.make_outputs(harness.job)
    (place / "d").mkdir()
    (place / "d/result").write_bytes(b"42")
    (place / "forged.chrislink").write_bytes(b"home/alice")
    (place / "passwd").symlink_to("/etc/passwd")
    (place / "etc").symlink_to("/etc")
    assert harness.outputs(harness.job) == {"d/result": b"42"}


def test_outputs_of_a_job_without_any_directory_are_absent(harness: StorageHarness) -> None:
    with pytest.raises(Absent):
        harness.outputs(harness.job)


def test_outputs_that_became_a_link_are_absent(harness: StorageHarness) -> None:
    place = harness.make_outputs(harness.job)
    place.rmdir()
    place.symlink_to("/etc")
    with pytest.raises(Absent):
        harness.outputs(harness.job)


def test_an_ended_job_s_outputs_have_no_privileges(harness: StorageHarness) -> None:
    place = harness.make_outputs(harness.job)
    (place / "d").mkdir()
    for path in (place / "su", place / "d" / "su"):
        path.write_bytes(b"x")
        path.chmod(0o6755)
    output_dir = harness.request.output_dir
    for _ in range(2):
        harness.storage.seal_outputs(harness.job, output_dir)
        assert [path.stat().st_mode & 0o7777 for path in (place / "su", place / "d" / "su")] == [0o755, 0o755]
    assert harness.outputs(harness.job) == {"su": b"x", "d/su": b"x"}


def test_what_is_mounted_of_users_directories_is_known_before(harness: StorageHarness) -> None:
    harness.stage(harness.plan({"a": b"1"}))
    harness.make_outputs(harness.job)
    known = harness.storage.places(harness.request)
    users = [
        mount
        for mount in harness.storage.mounts(harness.job, harness.request)
        if mount.source.parts[0] != harness.job.name
    ]
    assert set(users) <= set(known)
    assert not any(mount.source.parts[0] in (harness.job.name, ".pfcon") for mount in known)


__all__ = [name for name in [*globals()] if name.startswith("test_")]
