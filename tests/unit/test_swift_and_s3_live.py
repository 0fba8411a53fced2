"""Large objects of Swift that other programs have made: dynamic ones, manifests of parts and of manifests, S3's."""

import hashlib
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
import swiftclient
from support.object_stores import SWIFT_KEY, SWIFT_USER, ObjectHarness, client_of, md5

from pfcon.storage.objects.checksums import verifiable, verifier
from pfcon.storage.objects.store import Described, Part

pytestmark = pytest.mark.engine("swift")
MIB = 1 << 20
PARTS = [os.urandom(1000), os.urandom(2000), os.urandom(10)]


@pytest.fixture
def objects() -> Iterator[ObjectHarness]:
    harness = ObjectHarness("swift")
    harness.store.create_container()
    for number, data in enumerate(PARTS):
        harness.put(f"parts/{number}", data)
    yield harness
    harness.close()


@pytest.fixture
def raw(objects: ObjectHarness) -> Iterator[Any]:
    """python-swiftclient's own."""
    connection = swiftclient.Connection(objects.url, SWIFT_USER, SWIFT_KEY, auth_version="1", retries=0, timeout=30)
    yield connection
    connection.close()


def row(objects: ObjectHarness, number: int, **more: str) -> dict[str, str]:
    return {"path": f"/{objects.container}/parts/{number}", **more}


def put_manifest(objects: ObjectHarness, raw: Any, name: str, rows: list[dict[str, str]]) -> None:
    raw.put_object(objects.container, name, json.dumps(rows), query_string="multipart-manifest=put")


def verify(described: Described, data: bytes) -> None:
    assert verifiable(described)
    check = verifier(described)
    check.update(data)
    check.finish()


def test_a_dynamic_large_object_is_described_by_its_segments(objects: ObjectHarness, raw: Any) -> None:
    headers = {"X-Object-Manifest": f"{objects.container}/parts/"}
    raw.put_object(objects.container, "dynamic", b"", headers=headers)
    found = objects.store.describe("dynamic")
    assert found.parts == tuple(Part(len(data), md5(data)) for data in PARTS)
    verify(found, b"".join(PARTS))
    assert objects.read("dynamic") == b"".join(PARTS)
    assert objects.read("dynamic", start=990, size=20, etag=found.etag) == b"".join(PARTS)[990:1010]


def test_a_dynamic_large_object_is_listed_empty_and_without_an_etag(objects: ObjectHarness, raw: Any) -> None:
    raw.put_object(objects.container, "dynamic", b"", headers={"X-Object-Manifest": f"{objects.container}/parts/"})
    [[listed]] = objects.store.pages("dynamic")
    assert (listed.size, listed.etag) == (0, "")


def test_segments_in_a_container_with_a_blank_are_found(objects: ObjectHarness, raw: Any) -> None:
    other = objects.but(container=f"{objects.container} é")
    other.store.create_container()
    other.put("a %41/1", b"12345")
    prefix = f"{other.container}/a %41/".encode()
    quoted = "".join(f"%{byte:02X}" if byte not in b"/" else "/" for byte in prefix)
    raw.put_object(objects.container, "dynamic", b"", headers={"X-Object-Manifest": quoted})
    verify(objects.store.describe("dynamic"), b"12345")


def test_parts_of_parts_have_no_md5_of_their_own(objects: ObjectHarness, raw: Any) -> None:
    put_manifest(objects, raw, "ranges", [row(objects, 0, range="10-19"), row(objects, 1)])
    found = objects.store.describe("ranges")
    assert found.parts == (Part(10, ""), Part(2000, md5(PARTS[1])))
    assert found.parts_md5 == ""
    assert objects.read("ranges") == PARTS[0][10:20] + PARTS[1]


def test_data_in_a_manifest_is_a_part(objects: ObjectHarness, raw: Any) -> None:
    put_manifest(objects, raw, "inline", [{"data": b64encode(b"head").decode()}, row(objects, 1)])
    verify(objects.store.describe("inline"), b"head" + PARTS[1])


def test_a_manifest_in_a_manifest_is_described_by_all_its_parts(objects: ObjectHarness, raw: Any) -> None:
    put_manifest(objects, raw, "inner", [row(objects, 0), row(objects, 1)])
    put_manifest(objects, raw, "outer", [{"path": f"/{objects.container}/inner"}, row(objects, 2)])
    found = objects.store.describe("outer")
    assert found.parts == tuple(Part(len(data), md5(data)) for data in PARTS)
    assert found.parts_md5 == ""
    verify(found, b"".join(PARTS))


def test_the_segments_of_others_stay_when_their_object_is_replaced(objects: ObjectHarness, raw: Any) -> None:
    put_manifest(objects, raw, "theirs", [row(objects, 0), row(objects, 1)])
    objects.put("theirs", b"small")
    assert objects.names("parts/") == ["parts/0", "parts/1", "parts/2"]


def test_a_directory_marker_is_told(objects: ObjectHarness, raw: Any) -> None:
    raw.put_object(objects.container, "directory", b"", content_type="application/directory")
    [[listed]] = objects.store.pages("directory")
    assert listed.marker
    [[listed]] = objects.store.pages("parts/0")
    assert not listed.marker


def test_what_s3_stored_in_parts_is_verified_through_swift(objects: ObjectHarness) -> None:
    s3 = ObjectHarness("s3", container=objects.container)
    parts = [os.urandom(5 * MIB), b"end"]
    s3.put_large("by s3", parts)
    s3.close()
    verify(objects.store.describe("by s3"), b"".join(parts))


def test_what_swift_stored_in_parts_is_read_through_s3(objects: ObjectHarness) -> None:
    objects.put_large("by swift", PARTS)
    s3 = ObjectHarness("s3", container=objects.container)
    found = s3.store.describe("by swift")
    assert found.size == sum(map(len, PARTS))
    assert found.md5 == ""
    assert s3.read("by swift", etag=found.etag) == b"".join(PARTS)
    s3.close()


def test_parts_of_unlike_sizes_are_told_one_by_one() -> None:
    objects = ObjectHarness("s3")
    objects.store.create_container()
    parts = [os.urandom(size) for size in (5 * MIB, 6 * MIB, 5 * MIB, 7)]
    objects.put_large("unlike", parts)
    found = objects.store.describe("unlike")
    assert [part.size for part in found.parts] == [*map(len, parts)]
    verify(found, b"".join(parts))
    objects.close()


def test_uploads_that_earlier_tries_have_left_are_gone_when_one_is_finished() -> None:
    objects = ObjectHarness("s3")
    objects.store.create_container()
    client = client_of(objects)
    for _ in range(2):
        client.create_multipart_upload(Bucket=objects.container, Key="some")
    objects.put_large("some", [b"12345"])
    assert objects.left_parts() == 0
    assert hashlib.md5(objects.read("some")).hexdigest() == md5(b"12345")
    objects.close()
