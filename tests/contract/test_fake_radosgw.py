"""The contract of object stores on a stand-in for radosgw, so that every run sees what differs there from Swift."""

from collections.abc import Iterator

import pytest
from fakes.radosgw import Radosgw, StoredObject, radosgw
from support.object_stores import ObjectHarness
from test_object_store import *  # noqa: F403 - the same tests, with the fixtures below
from test_object_store_large import *  # noqa: F403
from test_object_store_large import FIRST, PART_SIZE, SECOND, described_parts

from pfcon.errors import Refused
from pfcon.storage.objects.checksums import verifiable

SIZE = PART_SIZE["swift"]


@pytest.fixture
def server() -> Iterator[Radosgw]:
    """Empty."""
    with radosgw() as running:
        yield running


@pytest.fixture
def objects(server: Radosgw) -> Iterator[ObjectHarness]:
    """A container of it."""
    harness = ObjectHarness("swift", server.auth_url)
    harness.store.create_container()
    yield harness
    harness.close()


def requests(server: Radosgw, method: str, container: str) -> int:
    """How many came for the objects of a container."""
    return sum(asked == method and f"/{container}/" in target for asked, target in server.requests)


def test_an_object_is_not_made_of_parts_that_are_not_stored_as_they_were_sent(
    server: Radosgw, objects: ObjectHarness
) -> None:
    upload = objects.store.large_upload("large", SIZE, 3)
    for number, data in enumerate(FIRST["swift"]):
        upload.send(number, objects.source(data))
    [parts] = (names for name, names in server.containers.items() if name.endswith("_segments"))
    damaged = max(parts)
    parts[damaged].data = parts[damaged].data[:-1] + bytes([parts[damaged].data[-1] ^ 1])
    with pytest.raises(Refused, match="part 2 is not stored as it was sent"):
        upload.finish(described_parts(FIRST["swift"]))
    assert objects.names() == []


def test_the_parts_of_a_version_are_not_taken_for_those_of_an_unfinished_upload(
    server: Radosgw, objects: ObjectHarness
) -> None:
    objects.put_large("large", FIRST["swift"])
    begun = objects.store.large_upload("large", SIZE, 3)
    begun.send(0, objects.source(SECOND["swift"][0]))
    found = objects.but().store.large_upload("large", SIZE, 3).uploaded_parts()
    assert found == {0: described_parts(SECOND["swift"])[0]}


def test_nothing_is_gone_on_with_when_the_parts_of_the_present_version_are_not_known(
    server: Radosgw, objects: ObjectHarness
) -> None:
    begun = objects.store.large_upload("large", SIZE, 3)
    begun.send(0, objects.source(FIRST["swift"][0]))
    containers = server.containers
    containers[objects.container]["large"] = StoredObject(b"[]", [StoredObject(b"of others")])
    assert objects.but().store.large_upload("large", SIZE, 3).uploaded_parts() == {}
    assert objects.read("large") == b"of others"


def test_a_large_object_of_the_swift_command_is_verified(server: Radosgw, objects: ObjectHarness) -> None:
    segments = [StoredObject(data) for data in FIRST["swift"]]
    older = [StoredObject(data) for data in SECOND["swift"]]
    server.containers[f"{objects.container}_segments"] = {
        f"large/slo/{mtime}/201000/100000/{number:08}": segment
        for mtime, found in (("1796043890.0", older), ("1796043891.5", segments))
        for number, segment in enumerate(found)
    }
    server.containers[objects.container]["large"] = StoredObject(b"[]", segments)
    assert list(objects.store.describe("large").parts) == described_parts(FIRST["swift"])


def test_a_large_object_whose_segments_are_elsewhere_has_no_parts(server: Radosgw, objects: ObjectHarness) -> None:
    server.containers[objects.container]["large"] = StoredObject(b"[]", [StoredObject(b"12345")])
    for _ in range(2):
        found = objects.store.describe("large")
        assert (found.size, found.parts, verifiable(found)) == (5, (), False)
        server.containers[f"{objects.container}_segments"] = {}


def test_only_a_large_object_is_asked_for_its_size_when_it_is_listed(server: Radosgw, objects: ObjectHarness) -> None:
    objects.put("small", b"12345")
    objects.put("empty", b"")
    objects.put_large("large", FIRST["swift"])
    server.requests.clear()
    sizes = {row.name: row.size for page in objects.store.pages("") for row in page}
    assert sizes == {"small": 5, "empty": 0, "large": sum(map(len, FIRST["swift"]))}
    assert requests(server, "HEAD", objects.container) == 1


def test_a_version_is_compared_in_the_request_that_reads_it(server: Radosgw, objects: ObjectHarness) -> None:
    objects.put_large("large", FIRST["swift"])
    etag = objects.store.describe("large").etag
    server.requests.clear()
    assert objects.read("large", start=5, size=10, etag=etag) == FIRST["swift"][0][5:15]
    assert len(server.requests) == 1
