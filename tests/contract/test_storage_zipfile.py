"""Storage zipfile beyond the storage contract: what it tells of itself, digests, damaged and unusual zips."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.storages import ZipfileHarness
from support.zips import NO_LIMITS, RawMember, raw_zip

from pfcon.errors import InvalidFields, PfconError, StorageFull
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.zipfile import ZipfileStorage
from pfcon.testing.files import tree
from pfcon.testing.storage import REQUEST

FILES = {"a.txt": b"alpha", "d/e/b.bin": bytes(100_000), "empty": b""}


@pytest.fixture
def zipped(storebase: StoreBase) -> Iterator[ZipfileHarness]:
    made = ZipfileHarness(storebase)
    made.make()
    yield made
    made.destroy()


@pytest.fixture
def job(zipped: ZipfileHarness) -> JobDir:
    return zipped.job


def test_the_zip_storage_says_what_it_is() -> None:
    storage = ZipfileStorage(NO_LIMITS)
    told = (
        storage.name,
        storage.innetwork,
        storage.takes_upload,
        storage.requires_copy_job,
        storage.requires_upload_job,
    )
    assert told == ("zipfile", False, True, False, False)


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
        zipped.stage(zipped.plan_zip(DAMAGED))
    assert job.exists() is there
    assert [path.name for path in job.path.rglob("*")] == ["outgoing"] * there
    assert sorted(path.name for path in job.storebase.root.iterdir()) == [".pfcon", "key-jid-1"][: 1 + there]


def test_an_upload_that_does_not_fit_the_disk_is_refused_first(zipped: ZipfileHarness, job: JobDir) -> None:
    zipped.make(replace(NO_LIMITS, free_bytes=1 << 60))
    with pytest.raises(StorageFull, match="PFCON_MIN_FREE_BYTES"):
        zipped.stage(zipped.plan(FILES))
    assert not job.exists()


def test_a_file_without_a_name_is_staged_and_told(zipped: ZipfileHarness, job: JobDir) -> None:
    done = zipped.stage(zipped.plan_zip(raw_zip(RawMember(b"", b"scan"))))
    assert tree(job.incoming) == {"unnamed": b"scan"}
    assert len(done.notes) == 1


def test_empty_directories_are_made(zipped: ZipfileHarness, job: JobDir) -> None:
    zipped.stage(zipped.plan({"empty/": b"", "d/": b"", "d/f": b""}))
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
        zipped.plan(FILES).stage(Interrupted(job.storebase, job.jid), lambda text: None)
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
