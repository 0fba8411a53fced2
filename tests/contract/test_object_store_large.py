"""The contract of object stores for objects that are sent in parts, run against real ones."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.object_stores import ObjectHarness, md5

from pfcon.errors import Refused
from pfcon.storage.objects.checksums import Mismatch, verifier
from pfcon.storage.objects.store import Changed, Described, ObjectAbsent, Part

MIB = 1 << 20
PART_SIZE = {"swift": 100_000, "s3": 5 * MIB}  # S3's smallest
FIRST, SECOND = ({kind: [*map(os.urandom, (size, size, 1000))] for kind, size in PART_SIZE.items()} for _ in range(2))


def described_parts(parts: list[bytes]) -> list[Part]:
    return [Part(len(data), md5(data)) for data in parts]


def verify(described: Described, data: bytes) -> None:
    check = verifier(described)
    check.update(data)
    check.finish()


def test_a_large_object_is_sent_by_many_threads_and_appears_whole(objects: ObjectHarness) -> None:
    upload = objects.store.large_upload("dir/large file", PART_SIZE[objects.kind], 3)
    with ThreadPoolExecutor(4) as pool:
        sent = [
            pool.submit(upload.send, number, objects.source(data)) for number, data in enumerate(FIRST[objects.kind])
        ]
        for each in sent:
            each.result()
    assert objects.names() == []
    upload.finish(described_parts(FIRST[objects.kind]))
    assert objects.names() == ["dir/large file"]
    assert objects.read("dir/large file") == b"".join(FIRST[objects.kind])


def test_what_describes_a_large_object_verifies_its_bytes(objects: ObjectHarness) -> None:
    objects.put_large("large", FIRST[objects.kind])
    found = objects.store.describe("large")
    whole = b"".join(FIRST[objects.kind])
    assert (found.size, found.md5) == (len(whole), "")
    assert [part.size for part in found.parts] == [*map(len, FIRST[objects.kind])]
    verify(found, whole)
    for place in (0, PART_SIZE[objects.kind], len(whole) - 1):
        damaged = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        with pytest.raises(Mismatch):
            verify(found, damaged)


def test_a_large_object_is_listed_with_its_size_and_the_etag_that_downloads_take(objects: ObjectHarness) -> None:
    objects.put_large("large", FIRST[objects.kind])
    [[listed]] = objects.store.pages("")
    assert (listed.name, listed.size) == ("large", sum(map(len, FIRST[objects.kind])))
    assert listed.etag == objects.store.describe("large").etag
    part = objects.read("large", start=PART_SIZE[objects.kind] - 10, size=20, etag=listed.etag)
    assert part == FIRST[objects.kind][0][-10:] + FIRST[objects.kind][1][:10]
    objects.put_large("large", SECOND[objects.kind])
    with pytest.raises(Changed), objects.store.download("large", start=5, etag=listed.etag):
        pass


def test_a_half_done_upload_is_gone_on_with(objects: ObjectHarness) -> None:
    begun = objects.store.large_upload("large", PART_SIZE[objects.kind], 3)
    assert begun.uploaded_parts() == {}
    for number in (0, 2):
        begun.send(number, objects.source(FIRST[objects.kind][number]))
    upload = objects.but().store.large_upload("large", PART_SIZE[objects.kind], 3)
    wanted = described_parts(FIRST[objects.kind])
    assert upload.uploaded_parts() == {0: wanted[0], 2: wanted[2]}
    upload.send(1, objects.source(FIRST[objects.kind][1]))
    upload.finish(wanted)
    assert objects.read("large") == b"".join(FIRST[objects.kind])
    assert objects.but().store.large_upload("large", PART_SIZE[objects.kind], 3).uploaded_parts() == {}


def test_a_part_that_is_sent_again_replaces_the_one_that_was_there(objects: ObjectHarness) -> None:
    begun = objects.store.large_upload("large", PART_SIZE[objects.kind], 4)
    begun.send(0, objects.source(SECOND[objects.kind][0]))
    begun.send(3, objects.source(SECOND[objects.kind][2]))  # of a file that was longer
    upload = objects.but().store.large_upload("large", PART_SIZE[objects.kind], 3)
    for number, data in enumerate(FIRST[objects.kind]):
        upload.send(number, objects.source(data))
    upload.finish(described_parts(FIRST[objects.kind]))
    assert objects.read("large") == b"".join(FIRST[objects.kind])
    assert objects.left_parts() == (len(FIRST[objects.kind]) if objects.kind == "swift" else 0)


def test_uploads_of_names_that_begin_alike_are_not_mixed_up(objects: ObjectHarness) -> None:
    names = ["large", "large/below", "large+", "large/.pieces"]
    for number, name in enumerate(names):
        objects.store.large_upload(name, PART_SIZE[objects.kind], 4).send(
            number, objects.source(FIRST[objects.kind][2])
        )
    wanted = described_parts(FIRST[objects.kind])[2]
    for number, name in enumerate(names):
        upload = objects.but().store.large_upload(name, PART_SIZE[objects.kind], 4)
        assert upload.uploaded_parts() == {number: wanted}
        upload.abandon()


def test_an_abandoned_upload_leaves_nothing(objects: ObjectHarness) -> None:
    upload = objects.store.large_upload("large", PART_SIZE[objects.kind], 3)
    upload.send(0, objects.source(FIRST[objects.kind][0]))
    upload.abandon()
    upload.abandon()
    assert objects.left_parts() == 0
    with pytest.raises(ObjectAbsent):
        objects.store.describe("large")


def test_an_object_stays_what_it_is_until_the_next_is_finished(objects: ObjectHarness) -> None:
    objects.put_large("large", FIRST[objects.kind])
    upload = objects.store.large_upload("large", PART_SIZE[objects.kind], 3)
    assert upload.uploaded_parts() == {}
    for number, data in enumerate(SECOND[objects.kind]):
        upload.send(number, objects.source(data))
    assert objects.read("large") == b"".join(FIRST[objects.kind])
    upload.finish(described_parts(SECOND[objects.kind]))
    assert objects.read("large") == b"".join(SECOND[objects.kind])


def test_abandoning_the_next_version_leaves_the_present_one(objects: ObjectHarness) -> None:
    objects.put_large("large", FIRST[objects.kind])
    upload = objects.store.large_upload("large", PART_SIZE[objects.kind], 3)
    upload.send(0, objects.source(SECOND[objects.kind][0]))
    upload.abandon()
    assert objects.read("large") == b"".join(FIRST[objects.kind])


@pytest.mark.parametrize("how", ["small", "large", "removed"])
def test_a_large_object_that_is_replaced_leaves_no_parts(objects: ObjectHarness, how: str) -> None:
    objects.put_large("large", FIRST[objects.kind])
    objects.put_large("large/below", FIRST[objects.kind])
    if how == "small":
        objects.put("large", b"small")
        assert objects.read("large") == b"small"
    elif how == "large":
        objects.put_large("large", SECOND[objects.kind][2:])
        assert objects.read("large") == SECOND[objects.kind][2]
    else:
        objects.store.delete("large")
    parts = len(FIRST[objects.kind]) + (1 if how == "large" else 0)
    assert objects.left_parts() == (parts if objects.kind == "swift" else 0)
    assert objects.read("large/below") == b"".join(FIRST[objects.kind])


def test_a_sent_part_is_told_with_its_md5_as_a_later_try_finds_it(objects: ObjectHarness) -> None:
    upload = objects.store.large_upload("large", PART_SIZE[objects.kind], 3)
    data = FIRST[objects.kind][0]
    assert upload.send(0, objects.source(data)) == md5(data)
    later = objects.but().store.large_upload("large", PART_SIZE[objects.kind], 3)
    assert later.uploaded_parts() == {0: Part(len(data), md5(data))}
    upload.abandon()


def test_an_object_does_not_appear_without_all_its_parts(objects: ObjectHarness) -> None:
    upload = objects.store.large_upload("large", PART_SIZE[objects.kind], 3)
    upload.send(0, objects.source(FIRST[objects.kind][0]))
    upload.send(1, objects.source(SECOND[objects.kind][1]))
    for wrong in (described_parts(FIRST[objects.kind]), described_parts(FIRST[objects.kind][:2])):
        with pytest.raises(Refused, match="'large'"):
            upload.finish(wrong)
    assert objects.names() == []
    upload.abandon()


def test_an_upload_may_be_finished_twice(objects: ObjectHarness) -> None:
    upload = objects.store.large_upload("large", PART_SIZE[objects.kind], 3)
    for number, data in enumerate(FIRST[objects.kind]):
        upload.send(number, objects.source(data))
    upload.finish(described_parts(FIRST[objects.kind]))
    upload.finish(described_parts(FIRST[objects.kind]))
    assert objects.read("large") == b"".join(FIRST[objects.kind])


def test_a_name_as_long_as_they_get_may_be_large_too(objects: ObjectHarness) -> None:
    for name in ("é" * 512, "é" * 511 + "ab"):
        objects.put_large(name, FIRST[objects.kind][2:])
        assert objects.read(name) == FIRST[objects.kind][2]
    assert len(objects.names()) == 2
