"""The contract of object stores (pfcon/storage/objects/store.py), run against real ones: names, bytes, listings.

``test_object_store_large`` has that of large objects, ``test_object_store_faults`` that of failures.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.object_stores import ObjectHarness, md5

from pfcon.errors import Refused
from pfcon.storage.objects.checksums import verifier
from pfcon.storage.objects.store import Changed, Listed, ObjectAbsent, ObjectStore, Transient

MIB = 1 << 20
NAMES = [
    *("plain.txt", "a blank", "new\nline", "tab\tand\rreturn", "plus+and%20percent", "amp&hash#query?semi;=", "é☃𝄞"),
    *(
        "tail/",
        "double//slash",
        "/lead",
        "a/../b",
        "a/./c",
        "..",
        "../other/x",
        "quote'\"<>",
        "back\\slash",
        "\x01\x7f",
    ),
    "x" * 1024,
]


def test_any_name_is_stored_found_and_removed_as_it_is(objects: ObjectHarness) -> None:
    data = {name: b"bytes of " + name.encode() for name in NAMES}
    for name in NAMES:
        objects.put(name, data[name])
    assert objects.names() == sorted(NAMES, key=str.encode)
    for name in NAMES:
        assert name in objects.names(name)
        assert objects.read(name) == data[name]
        assert objects.store.describe(name).size == len(data[name])
    for left, name in enumerate(NAMES, start=1):
        objects.store.delete(name)
        assert set(objects.names()) == set(NAMES[left:])


def test_a_name_that_the_store_does_not_take_is_refused(objects: ObjectHarness) -> None:
    with pytest.raises(Refused, match=objects.container):
        objects.put("y" * 1025, b"bytes")


def test_a_name_that_is_not_utf_8_is_refused(objects: ObjectHarness) -> None:
    name = b"latin \xe9".decode(errors="surrogateescape")
    requests = (objects.store.describe, objects.read, objects.store.delete, lambda name: objects.put(name, b"bytes"))
    for request in (*requests, lambda name: objects.put_large(name, [b"bytes"])):
        with pytest.raises(Refused, match="the name is not valid Unicode"):
            request(name)


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 20_000])
def test_a_listing_has_every_name_once_and_in_order_whatever_its_pages(objects: ObjectHarness, limit: int) -> None:
    names = sorted(["a", "a/1", "a/2", "ab", "b c", "b+c", "é", "z\nz"], key=str.encode)
    for name in names:
        objects.put(name, name.encode())
    assert objects.names(limit=limit) == names
    assert objects.names("a", limit=limit) == ["a", "a/1", "a/2", "ab"]
    assert objects.names("a/", limit=limit) == ["a/1", "a/2"]


def test_a_listing_has_every_name_when_the_store_gives_fewer_at_a_time(objects: ObjectHarness) -> None:
    names = [f"in/{number:03}" for number in range(230)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: objects.put(name, b"1"), names))
    for limit in (0, 5000):
        assert objects.names("in/", limit=limit) == names
        assert objects.names("in/", delimited=True, limit=limit) == names


@pytest.mark.parametrize("limit", [0, 1, 2, 100])
def test_a_delimited_listing_tells_what_lies_below_as_one_name(objects: ObjectHarness, limit: int) -> None:
    for name in ["d", "d//x", "d/1", "d/2", "d/e/3", "d/e/4", "d/f g/5", "da/6", "/7"]:
        objects.put(name, b"1")
    assert objects.names("", delimited=True, limit=limit) == ["/", "d", "d/", "da/"]
    assert objects.names("d/", delimited=True, limit=limit) == ["d//", "d/1", "d/2", "d/e/", "d/f g/"]
    rows = [row for page in objects.store.pages("d/", delimited=True, limit=limit) for row in page]
    assert [row.size for row in rows] == [None, 1, 1, None, None]


def test_a_page_is_no_longer_than_asked_for(objects: ObjectHarness) -> None:
    for number in range(5):
        objects.put(f"n{number}", b"")
    assert [len(page) for page in objects.store.pages("", limit=2)] == [2, 2, 1]


def test_an_empty_listing_is_one_empty_page(objects: ObjectHarness) -> None:
    assert list(objects.store.pages("nothing")) == [[]]


def test_a_listing_tells_size_and_etag(objects: ObjectHarness) -> None:
    objects.put("some", b"12345")
    assert list(objects.store.pages("")) == [[Listed("some", 5, md5(b"12345"))]]


def test_bytes_come_in_chunks_of_at_most_a_mebibyte(objects: ObjectHarness) -> None:
    data = os.urandom(3 * MIB + 5)
    objects.put("big", data)
    with objects.store.download("big") as download:
        chunks = list(download.chunks)
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) <= MIB
    assert (download.described.size, download.described.md5) == (len(data), md5(data))


@pytest.mark.parametrize(
    ("start", "size"), [(0, 10), (10, 20), (99_990, 10), (99_999, 1), (50_000, None), (99_000, 5000)]
)
def test_a_part_of_an_object_is_told_with_the_size_of_the_whole(
    objects: ObjectHarness, start: int, size: int | None
) -> None:
    data = os.urandom(100_000)
    objects.put("whole", data)
    with objects.store.download("whole", start=start, size=size) as download:
        assert b"".join(download.chunks) == (data[start:] if size is None else data[start : start + size])
    assert download.described == objects.store.describe("whole")


def test_an_empty_object_has_no_bytes(objects: ObjectHarness) -> None:
    objects.put("empty", b"")
    assert objects.read("empty") == b""
    assert objects.store.describe("empty").md5 == md5(b"")


def test_a_part_beyond_the_end_means_that_the_object_has_changed(objects: ObjectHarness) -> None:
    objects.put("short", b"12345")
    with pytest.raises(Changed), objects.store.download("short", start=5):
        pass


def test_a_download_that_is_not_read_to_its_end_hinders_no_other(objects: ObjectHarness) -> None:
    data = os.urandom(4 * MIB)
    objects.put("big", data)
    for _ in range(3):
        with objects.store.download("big") as download:
            first = next(download.chunks)
            assert 0 < len(first) <= MIB
            assert data.startswith(first)
    assert objects.read("big") == data


def test_only_the_version_that_an_etag_names_is_downloaded(objects: ObjectHarness) -> None:
    objects.put("some", b"first")
    first = objects.store.describe("some").etag
    assert objects.read("some", etag=first) == b"first"
    objects.put("some", b"second")
    with pytest.raises(Changed, match="'some'"), objects.store.download("some", etag=first):
        pass
    with pytest.raises(Changed), objects.store.download("some", start=1, size=2, etag=first):
        pass
    assert objects.read("some") == b"second"


def test_an_object_that_arrives_otherwise_than_its_md5_is_not_stored(objects: ObjectHarness) -> None:
    objects.put("some", b"old")
    for name in ("some", "new"):
        with pytest.raises(Transient, match="the data were corrupted in transit"):
            objects.store.put(name, objects.source(b"these bytes"), md5(b"other bytes"))
    assert objects.read("some") == b"old"
    assert objects.names() == ["some"]


def test_what_describes_an_object_verifies_its_bytes(objects: ObjectHarness) -> None:
    objects.put("some", b"12345")
    check = verifier(objects.store.describe("some"))
    check.update(b"12345")
    check.finish()
    assert objects.store.describe("some").parts == ()


@pytest.mark.parametrize("name", ["nothing", "../nothing", "dir/"])
def test_an_object_that_is_not_there_is_absent(objects: ObjectHarness, name: str) -> None:
    for ask in (objects.store.describe, objects.read):
        with pytest.raises(ObjectAbsent, match=objects.container):
            ask(name)
    objects.store.delete(name)


def test_a_container_is_created_once(objects: ObjectHarness) -> None:
    objects.put("some", b"12345")
    objects.store.create_container()
    objects.store.check()
    assert objects.names() == ["some"]


def test_limits_leave_room_for_large_objects(objects: ObjectHarness) -> None:
    limits = objects.store.limits()
    assert limits.single_max >= 5_000_000_000
    assert limits.part_min * limits.parts_max < limits.part_max * limits.parts_max
    assert limits.parts_max >= 1000


def test_the_store_names_itself_and_its_place(objects: ObjectHarness) -> None:
    store: ObjectStore = objects.store
    assert store.name == objects.kind
    assert objects.container in store.place
    assert objects.url in store.place
