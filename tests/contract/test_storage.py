"""The storage contract (pfcon/storage/base.py), run against every storage.

A storage joins with a StorageHarness (tests/support/storages.py).
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from support.storages import HARNESSES, REQUEST, StorageHarness, ZipfileHarness
from support.zips import NO_LIMITS, RawMember, raw_zip

from pfcon.errors import Absent, InvalidFields, PfconError, Refused, StorageFull
from pfcon.models import INCOMING, OUTGOING
from pfcon.paths import JobDir, StoreBase
from pfcon.settings.model import StorageName
from pfcon.storage.base import Staged, StagingPlan
from pfcon.storage.zipfile import ZipfileStorage
from pfcon.testing.files import tree

FILES = {"a.txt": b"alpha", "d/e/b.bin": os.urandom(100_000), "empty": b""}


@pytest.fixture(params=HARNESSES)
def harness(request: pytest.FixtureRequest, storebase: StoreBase) -> Iterator[StorageHarness]:
    made = HARNESSES[request.param](storebase)
    made.make(NO_LIMITS)
    yield made
    made.destroy()


@pytest.fixture(params=[name for name, made in HARNESSES.items() if made.copies])
def copying(request: pytest.FixtureRequest, storebase: StoreBase) -> Iterator[StorageHarness]:
    """Those storages that copy inputs, and expand links."""
    made = HARNESSES[request.param](storebase)
    made.make(NO_LIMITS)
    yield made
    made.destroy()


@pytest.fixture
def zipped(storebase: StoreBase) -> Iterator[ZipfileHarness]:
    made = ZipfileHarness(storebase)
    made.make(NO_LIMITS)
    yield made
    made.destroy()


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    return storebase.job(REQUEST.jid)


def stage(plan: StagingPlan, job: JobDir) -> Staged:
    return plan.stage(job, lambda text: None)


def test_inputs_appear_complete_and_are_counted(harness: StorageHarness, job: JobDir) -> None:
    done = stage(harness.plan(FILES), job)
    assert done == Staged(3, 100_005 if harness.copies else 0, ())
    if harness.copies:
        assert [path.name for path in job.path.iterdir()] == ["incoming"]
    harness.make_outputs(job)
    assert tree(harness.mounted(job, INCOMING)) == FILES


def test_planning_writes_nothing(harness: StorageHarness, job: JobDir) -> None:
    harness.plan(FILES)
    assert not job.exists()


def test_no_inputs_are_inputs_too(harness: StorageHarness, job: JobDir) -> None:
    assert stage(harness.plan({}), job) == Staged(0, 0, ())
    harness.make_outputs(job)
    assert list(harness.mounted(job, INCOMING).iterdir()) == []


def test_links_are_expanded_and_not_counted(copying: StorageHarness, job: JobDir) -> None:
    linked = {"home/bob/f": b"data", "home/bobby/g": b"other"}
    done = stage(copying.plan({"d/home_bob.chrislink": b"home/bob", "h": b""}, linked), job)
    assert (job.incoming / "d/home_bob/f").read_bytes() == b"data"
    assert not list(job.incoming.rglob("*.chrislink"))
    assert done.nfiles == len(tree(job.incoming))


def test_a_link_without_a_target_is_told(copying: StorageHarness, job: JobDir) -> None:
    done = stage(copying.plan({"l.chrislink": b"no/where", "f": b""}), job)
    assert done.nfiles == 1
    assert "no/where" in done.notes[0]


@pytest.mark.parametrize("target", [b"/etc", b"../../etc", b""])
def test_a_link_that_leads_out_is_refused(copying: StorageHarness, job: JobDir, target: bytes) -> None:
    with pytest.raises(Refused, match="Invalid input path"):
        stage(copying.plan({"l.chrislink": target}), job)
    assert not job.exists()


def test_the_same_request_has_the_same_digest(harness: StorageHarness, job: JobDir) -> None:
    plan = harness.plan(FILES)
    again = ZipfileStorage(NO_LIMITS) if isinstance(harness, ZipfileHarness) else harness.storage
    upload = harness.uploads[-1] if isinstance(harness, ZipfileHarness) else None
    assert again.plan(harness.request, upload).digest == plan.digest
    assert harness.plan({"other": b""}).digest != plan.digest
    assert int(plan.digest, 16) >= 0


def test_a_job_that_is_staged_already_is_left_as_it_is(copying: StorageHarness, job: JobDir) -> None:
    stage(copying.plan(FILES), job)
    with pytest.raises(OSError, match="not empty"):
        stage(copying.plan({"other": b""}), job)
    assert tree(job.incoming) == FILES
    assert [path.name for path in job.path.iterdir()] == ["incoming"]


def test_the_job_sees_its_own_directories_alone(harness: StorageHarness, job: JobDir) -> None:
    stage(harness.plan(FILES), job)
    harness.make_outputs(job)
    mounts = {mount.target: mount for mount in harness.storage.mounts(job, harness.request)}
    assert mounts.keys() == {INCOMING, OUTGOING}
    assert mounts[INCOMING].read_only
    assert not mounts[OUTGOING].read_only
    assert mounts[INCOMING].source == (
        PurePosixPath("key-jid-1/incoming") if harness.copies else harness.request.input_dirs[0]
    )
    in_place = harness.request.output_dir if harness.storage.in_storebase else None
    assert mounts[OUTGOING].source == (in_place or PurePosixPath("key-jid-1/outgoing"))


def test_outputs_are_writable_by_a_job_whose_user_only_the_image_knows(harness: StorageHarness, job: JobDir) -> None:
    assert harness.make_outputs(job).stat().st_mode & 0o777 == 0o777


def test_outputs_are_regular_files_alone(harness: StorageHarness, job: JobDir) -> None:
    place = harness.make_outputs(job)
    (place / "d").mkdir()
    (place / "d/result").write_bytes(b"42")
    (place / "forged.chrislink").write_bytes(b"home/alice")
    (place / "passwd").symlink_to("/etc/passwd")
    (place / "etc").symlink_to("/etc")
    assert harness.outputs(job) == {"d/result": b"42"}


def test_outputs_of_a_job_without_any_directory_are_absent(harness: StorageHarness, job: JobDir) -> None:
    with pytest.raises(Absent):
        harness.outputs(job)


def test_outputs_that_became_a_link_are_absent(harness: StorageHarness, job: JobDir) -> None:
    place = harness.make_outputs(job)
    place.rmdir()
    place.symlink_to("/etc")
    with pytest.raises(Absent):
        harness.outputs(job)


# --- the zip's own ---


def test_the_zip_storage_says_what_it_is() -> None:
    storage = ZipfileStorage(NO_LIMITS)
    told = (
        storage.name,
        storage.innetwork,
        storage.takes_upload,
        storage.requires_copy_job,
        storage.requires_upload_job,
    )
    assert told == (StorageName.ZIPFILE, False, True, False, False)


def test_the_digest_of_a_zip_follows_its_files_and_not_their_order(zipped: ZipfileHarness) -> None:
    digest = zipped.plan(FILES).digest
    assert zipped.plan(dict(reversed(FILES.items()))).digest == digest
    assert zipped.plan(FILES | {"a.txt": b"alphb"}).digest != digest


def test_a_request_without_an_upload_is_told_so() -> None:
    with pytest.raises(InvalidFields) as raised:
        ZipfileStorage(NO_LIMITS).plan(REQUEST, None)
    assert raised.value.message == {"data_file": "field is required"}


DAMAGED = raw_zip(RawMember(b"good", b"x" * 99), RawMember(b"bad", b"y" * 99, crc=1))


@pytest.mark.parametrize("there", [True, False])
def test_a_failure_leaves_nothing_but_what_was_there(zipped: ZipfileHarness, job: JobDir, there: bool) -> None:
    if there:
        job.path.mkdir()
        job.make_outgoing(None)
    with pytest.raises(InvalidFields, match="Bad zip file"):
        stage(zipped.plan_zip(DAMAGED), job)
    assert job.exists() is there
    assert [path.name for path in job.path.rglob("*")] == ["outgoing"] * there
    assert sorted(path.name for path in job.storebase.root.iterdir()) == [".pfcon", "key-jid-1"][: 1 + there]


def test_an_upload_that_does_not_fit_the_disk_is_refused_first(zipped: ZipfileHarness, job: JobDir) -> None:
    zipped.make(replace(NO_LIMITS, free_bytes=1 << 60))
    with pytest.raises(StorageFull, match="PFCON_MIN_FREE_BYTES"):
        stage(zipped.plan(FILES), job)
    assert not job.exists()


def test_a_file_without_a_name_is_staged_and_told(zipped: ZipfileHarness, job: JobDir) -> None:
    done = stage(zipped.plan_zip(raw_zip(RawMember(b"", b"scan"))), job)
    assert tree(job.incoming) == {"unnamed": b"scan"}
    assert len(done.notes) == 1


def test_empty_directories_are_made(zipped: ZipfileHarness, job: JobDir) -> None:
    stage(zipped.plan({"empty/": b"", "d/": b"", "d/f": b""}), job)
    assert sorted(str(path.relative_to(job.incoming)) for path in job.incoming.rglob("*")) == [
        "d",
        "d/f",
        "empty",
    ]


def test_a_staging_that_is_interrupted_leaves_nothing(zipped: ZipfileHarness, job: JobDir) -> None:
    class Interrupted(JobDir):
        def complete(self, partial: Path) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage(zipped.plan(FILES), Interrupted(job.storebase, job.jid))
    assert not job.exists()


def test_every_refusal_is_one_that_clients_are_told(zipped: ZipfileHarness) -> None:
    for content in (
        b"",
        DAMAGED[:50],
        raw_zip(RawMember(b"../x")),
        raw_zip(RawMember(b"x.chrislink", b"/etc")),
    ):
        with pytest.raises(PfconError) as raised:
            zipped.plan_zip(content)
        assert raised.value.status == 400


def test_an_ended_job_s_outputs_have_no_privileges(harness: StorageHarness, job: JobDir) -> None:
    place = harness.make_outputs(job)
    (place / "d").mkdir()
    for path in (place / "su", place / "d" / "su"):
        path.write_bytes(b"x")
        path.chmod(0o6755)
    output_dir = harness.request.output_dir
    for _ in range(2):
        harness.storage.seal_outputs(job, output_dir)
        assert [path.stat().st_mode & 0o7777 for path in (place / "su", place / "d" / "su")] == [0o755, 0o755]
    assert harness.outputs(job) == {"su": b"x", "d/su": b"x"}


def test_what_is_mounted_of_users_directories_is_known_before(harness: StorageHarness, job: JobDir) -> None:
    harness.plan({"a": b"1"}).stage(job, lambda text: None)
    harness.make_outputs(job)
    known = harness.storage.places(harness.request)
    users = [mount for mount in harness.storage.mounts(job, harness.request) if mount.source.parts[0] != job.name]
    assert set(users) <= set(known)
    assert not any(mount.source.parts[0] in (job.name, ".pfcon") for mount in known)
