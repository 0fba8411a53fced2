"""Uploading outputs: what is sent, what is not sent again, what is refused; on a store in memory."""

import os
import threading
from pathlib import Path

import pytest
from fakes.memory_store import MemoryStore, md5_of
from support.users import AS_ROOT, as_user

from pfcon.errors import Absent, Conflict, Refused
from pfcon.models import JobId
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.base import Delivered
from pfcon.storage.objects.source import source_md5
from pfcon.storage.objects.store import LargeUpload, Limits, Part, Source, Transient
from pfcon.storage.objects.upload.outputs import LISTING, upload

NOBODY = 65534
PREFIX = "home/bob/feeds/feed_1/data"


class SmallParts(MemoryStore):
    """Large objects begin above 1 MiB, and have parts of 1 MiB."""

    def limits(self) -> Limits:
        return Limits(1 << 20, 1, 1 << 20, 100)


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    """A job with an empty ``outgoing``."""
    job = storebase.job(JobId("j"))
    job.outgoing.mkdir(parents=True)
    return job


def write(job: JobDir, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = job.outgoing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def send(store: MemoryStore, job: JobDir) -> Delivered:
    return upload(store, job, PREFIX, lambda text: None)


def stored(store: MemoryStore) -> dict[str, bytes]:
    return {name: found.data for name, found in store.objects.items()}


FILES = {"a.txt": b"alpha", "d/e/ä b": os.urandom(70_000), "empty": b""}


def test_every_file_becomes_the_object_of_its_path(job: JobDir) -> None:
    store = MemoryStore()
    write(job, FILES)
    assert send(store, job) == Delivered(3, 70_005, 3, ())
    assert stored(store) == {f"{PREFIX}/{name}": data for name, data in FILES.items()}
    assert sorted(path.name for path in job.path.iterdir()) == ["outgoing"]


def test_no_outputs_are_outputs_too(job: JobDir) -> None:
    assert send(MemoryStore(), job) == Delivered(0, 0, 0, ())


def test_outputs_that_are_not_there_are_absent(storebase: StoreBase) -> None:
    with pytest.raises(Absent):
        send(MemoryStore(), storebase.job(JobId("none")))


def test_links_and_link_files_are_never_sent(job: JobDir) -> None:
    store = MemoryStore()
    write(job, {"f": b"1", "forged.chrislink": b"home/alice"})
    (job.outgoing / "passwd").symlink_to("/etc/passwd")
    (job.outgoing / "etc").symlink_to("/etc")
    os.mkfifo(job.outgoing / "pipe")
    send(store, job)
    assert stored(store) == {f"{PREFIX}/f": b"1"}


def test_what_is_there_is_not_sent_again_and_is_asked_for_at_once(job: JobDir) -> None:
    store = MemoryStore()
    write(job, {f"d{number % 3}/f{number}": bytes([number]) for number in range(200)})
    send(store, job)
    store.requests.clear()
    assert send(store, job) == Delivered(200, 200, 0, ())
    assert store.requests == {"list": 1}


def test_what_differs_is_replaced_and_what_is_no_output_stays(job: JobDir) -> None:
    store = MemoryStore()
    write(job, FILES)
    send(store, job)
    store.add(f"{PREFIX}/other", b"stays")
    store.add(f"{PREFIX}x/a.txt", b"a neighbour")
    write(job, {"a.txt": b"ALPHA", "new": b"n"})
    assert send(store, job) == Delivered(4, 70_006, 2, ())
    expected = {f"{PREFIX}/{name}": data for name, data in {**FILES, "a.txt": b"ALPHA", "new": b"n"}.items()}
    assert stored(store) == {**expected, f"{PREFIX}/other": b"stays", f"{PREFIX}x/a.txt": b"a neighbour"}


def test_a_large_file_is_sent_in_parts_and_recognised(job: JobDir) -> None:
    store = SmallParts()
    data = os.urandom((5 << 20) + 17)
    write(job, {"large": data, "exact": data[: 2 << 20], "small": b"s"})
    assert send(store, job).nsent == 3
    assert store.requests["put"] == 1 + 6 + 2
    assert stored(store)[f"{PREFIX}/large"] == data
    assert len(store.objects[f"{PREFIX}/large"].described.parts) == 6
    assert send(store, job).nsent == 0
    write(job, {"large": data[:-1] + bytes([data[-1] ^ 1])})
    assert send(store, job).nsent == 1


class Broken(SmallParts):
    """Refuses after so many parts, then keeps what it has for the next try."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left
        self.kept: dict[str, BrokenUpload] = {}

    def large_upload(self, name: str, part_size: int, count: int) -> LargeUpload:
        return self.kept.setdefault(name, BrokenUpload(self, name))


class BrokenUpload(LargeUpload):
    """Parts of one object, kept over tries."""

    def __init__(self, store: Broken, name: str) -> None:
        self.store, self.name = store, name
        self.parts: dict[int, tuple[Part, bytes]] = {}
        self.finishes = 0
        self.lock = threading.Lock()

    def uploaded_parts(self) -> dict[int, Part]:
        return {number: part for number, (part, _) in self.parts.items()}

    def send(self, number: int, source: Source) -> str:
        with self.lock:
            if self.store.left == 0:
                raise Refused("quota exceeded")
            self.store.left -= 1
            data = os.pread(source.file.fileno(), source.size, source.start)
            self.parts[number] = Part(source.size, md5_of(data)), data
            return md5_of(data)

    def finish(self, parts: list[Part]) -> None:
        self.finishes += 1
        if self.finishes > 1:
            raise Refused("no such upload")
        self.store.add(self.name, b"".join(self.parts[number][1] for number in range(len(parts))), parts=1 << 20)
        raise Transient("the connection broke before the answer came")

    def abandon(self) -> None:
        self.parts.clear()


def test_the_next_try_goes_on_from_the_parts_that_are_there(job: JobDir) -> None:
    store = Broken(left=4)
    data = os.urandom(7 << 20)
    write(job, {"large": data})
    with pytest.raises(Refused, match="quota"):
        send(store, job)
    assert f"{PREFIX}/large" not in store.objects
    store.left = 3
    assert send(store, job) == Delivered(1, 7 << 20, 1, ())
    assert stored(store)[f"{PREFIX}/large"] == data


def test_an_answer_that_got_lost_after_the_last_part_does_no_harm(job: JobDir) -> None:
    store = Broken(left=100)
    write(job, {"large": os.urandom(3 << 20)})
    assert send(store, job).nsent == 1
    assert store.kept[f"{PREFIX}/large"].finishes == 2


class Writing(SmallParts):
    """Something writes to the file at ``path`` while it is sent."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.abandoned = 0

    def touch(self) -> None:
        with self.path.open("ab") as file:
            file.write(b"more")

    def put(self, name: str, source: Source, md5: str) -> None:
        self.touch()
        raise Transient("the checksum does not match")

    def large_upload(self, name: str, part_size: int, count: int) -> LargeUpload:
        return WritingUpload(self)


class WritingUpload(LargeUpload):
    """Is written to with the second part."""

    def __init__(self, store: Writing) -> None:
        self.store = store

    def uploaded_parts(self) -> dict[int, Part]:
        return {}

    def send(self, number: int, source: Source) -> str:
        if number == 1:
            self.store.touch()
        return source_md5(source)

    def finish(self, parts: list[Part]) -> None:
        raise AssertionError("the file has changed")

    def abandon(self) -> None:
        self.store.abandoned += 1


@pytest.mark.parametrize("size", [100, 4 << 20])
def test_a_file_that_is_being_written_to_is_refused_by_its_name(job: JobDir, size: int) -> None:
    write(job, {"d/log": bytes(size)})
    store = Writing(job.outgoing / "d/log")
    with pytest.raises(Refused, match="'d/log' was changed"):
        send(store, job)
    assert store.objects == {}
    assert store.abandoned == (size > 1 << 20)


@AS_ROOT
def test_what_is_this_service_s_own_is_sent_whatever_its_mode(job: JobDir) -> None:
    store = MemoryStore()
    write(job, {"d/secret": b"s"})
    modes = {job.path: 0o700, job.outgoing: 0o777, job.outgoing / "d": 0, job.outgoing / "d/secret": 0}
    for path, mode in modes.items():
        os.chown(path, NOBODY, NOBODY)
        path.chmod(mode)
    as_user(NOBODY, lambda: send(store, job))
    assert stored(store) == {f"{PREFIX}/d/secret": b"s"}


@AS_ROOT
def test_nothing_is_sent_when_a_file_can_t_be_read(job: JobDir) -> None:
    store = MemoryStore()
    write(job, {"a": b"1", "d/secret": b"s", "z": b"1"})
    os.chown(job.path, NOBODY, NOBODY)
    (job.outgoing / "d/secret").chmod(0o600)
    with pytest.raises(Conflict, match=r"1 of the outputs can't be read .*: 'd/secret'; "):
        as_user(NOBODY, lambda: send(store, job))
    assert store.objects == {}


def test_a_name_that_is_no_utf8_is_escaped_unless_another_file_has_that_name(job: JobDir) -> None:
    store = MemoryStore()
    (job.outgoing / os.fsdecode(b"caf\xe9")).write_bytes(b"1")
    send(store, job)
    assert list(store.objects) == [f"{PREFIX}/caf\\xe9"]
    (job.outgoing / "caf\\xe9").write_bytes(b"2")
    with pytest.raises(Refused, match="two output files"):
        send(store, job)


def test_a_name_that_no_store_takes_is_refused(job: JobDir) -> None:
    write(job, {"/".join(["n" * 200] * 5): b""})
    with pytest.raises(Refused, match="longer than 1024 bytes"):
        send(MemoryStore(), job)


def test_a_file_that_is_too_large_for_the_store_is_refused_by_its_name(job: JobDir) -> None:
    with (job.outgoing / "huge").open("wb") as file:
        file.truncate(101 << 20)
    with pytest.raises(Refused, match=r"'huge': it has 101\.0 MiB"):
        send(SmallParts(), job)


def test_the_store_s_refusal_ends_the_upload(job: JobDir) -> None:
    store = MemoryStore()
    store.created = False
    write(job, FILES)
    with pytest.raises(Refused, match="no container 'users'"):
        send(store, job)


def test_a_listing_that_was_left_by_a_kill_does_not_count(job: JobDir) -> None:
    (job.path / LISTING).write_bytes(b"not a database")
    store = MemoryStore()
    write(job, FILES)
    send(store, job)
    assert send(store, job).nsent == 0


def test_progress_tells_of_files_and_bytes(job: JobDir) -> None:
    told: list[str] = []
    store = MemoryStore()
    store.add(f"{PREFIX}/a", b"")
    upload(store, job, PREFIX, told.append)
    assert "objects: 1 below" in told[0]
