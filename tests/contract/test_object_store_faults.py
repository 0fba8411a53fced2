"""The contract of object stores for what goes wrong, run against real ones, and against servers that are none."""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.http_relay import HttpRelay
from support.object_stores import ObjectHarness, ObjectServer, md5, object_server

from pfcon.errors import Refused
from pfcon.storage.objects.http import Timeouts
from pfcon.storage.objects.store import ObjectStore, Part, Source, Transient
from pfcon.testing.waiting import PATIENCE

MIB = 1 << 20
KINDS = [pytest.param(name, marks=pytest.mark.engine(name)) for name in ("swift", "s3")]
WRONG_KEY = "a-wrong-key-that-nobody-may-see"


def listing(objects: ObjectHarness) -> object:
    return next(objects.store.pages("some"))


def sending(objects: ObjectHarness) -> object:
    return objects.store.large_upload("some", 5 * MIB, 1).send(0, objects.source(b"12345"))


REQUESTS: dict[str, Callable[[ObjectHarness], object]] = {
    "check": lambda objects: objects.store.check(),
    "pages": listing,
    "describe": lambda objects: objects.store.describe("some"),
    "download": lambda objects: objects.read("some"),
    "put": lambda objects: objects.put("some", b"12345"),
    "send": sending,
    "delete": lambda objects: objects.store.delete("some"),
}


@pytest.fixture(params=list(REQUESTS))
def ask(request: pytest.FixtureRequest) -> Callable[[ObjectHarness], object]:
    """One request of the seam, about the object ``some``."""
    return REQUESTS[request.param]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ObjectServer]:
    with object_server(tmp_path) as made:
        yield made


@pytest.fixture
def relayed(objects: ObjectHarness) -> Iterator[tuple[ObjectHarness, HttpRelay]]:
    """A store behind a relay."""
    parts = urlsplit(objects.url)
    assert parts.port is not None
    with HttpRelay(parts.port) as relay:
        yield objects.but(url=f"http://127.0.0.1:{relay.port}{parts.path}"), relay


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/auth/v1.0"


def url_of(server: ObjectServer, kind: str) -> str:
    return server.auth_url if kind == "swift" else server.s3_url


def test_a_missing_container_is_named_and_refused(
    objects: ObjectHarness, ask: Callable[[ObjectHarness], object]
) -> None:
    with pytest.raises(Refused, match=r"there is no .* 'test-\w+-missing' of http"):
        ask(objects.but(container=f"{objects.container}-missing"))


def test_a_wrong_key_is_refused_and_not_told(objects: ObjectHarness, ask: Callable[[ObjectHarness], object]) -> None:
    with pytest.raises(Refused, match="refused") as caught:
        ask(objects.but(key=WRONG_KEY))
    assert WRONG_KEY not in str(caught.value) + repr(caught.value)


def test_a_silent_server_is_waited_for_no_longer_than_asked(kind: str, silent: str) -> None:
    objects = ObjectHarness(kind, url=silent, timeouts=Timeouts(connect=0.5, read=0.5))
    begin = time.monotonic()
    with pytest.raises(Transient, match="no answer in time"):
        objects.store.check()
    assert time.monotonic() - begin < PATIENCE  # nor for ever


def test_a_server_that_is_gone_and_back_is_asked_again(kind: str, server: ObjectServer) -> None:
    with closing(ObjectHarness(kind, url=url_of(server, kind))) as objects:
        objects.store.create_container()
        objects.put("some", b"12345")
        server.kill()
        for ask in REQUESTS.values():
            with pytest.raises(Transient, match=r"does not answer: (connection refused|the connection broke)"):
                ask(objects)
            with pytest.raises(Transient, match="connection refused"):
                ask(objects.but())
        server.start()  # which has forgotten Swift's token
        for ask in REQUESTS.values():
            ask(objects)


def test_a_body_that_ends_early_is_told_and_the_rest_can_be_had(relayed: tuple[ObjectHarness, HttpRelay]) -> None:
    objects, relay = relayed
    data = os.urandom(5 * MIB)
    objects.put("big", data)
    etag = objects.store.describe("big").etag
    relay.cut(2 * MIB + 1000, containing="big")
    got = BytesIO()
    with objects.store.download("big", etag=etag) as download, pytest.raises(Transient):
        got.writelines(download.chunks)
    begin = got.getvalue()
    assert 0 < len(begin) < len(data)
    assert begin + objects.read("big", start=len(begin), etag=etag) == data


def test_what_is_spoilt_on_its_way_is_told_and_may_be_sent_again(relayed: tuple[ObjectHarness, HttpRelay]) -> None:
    objects, relay = relayed
    small, parts = b"12345", [os.urandom(5 * MIB), b"67890"]
    objects.store.check()
    relay.spoil()
    with pytest.raises(Transient, match="the data were corrupted in transit"):
        objects.put("small", small)
    objects.put("small", small)
    upload = objects.store.large_upload("large", 5 * MIB, len(parts))
    upload.uploaded_parts()
    relay.spoil()
    with pytest.raises(Transient, match="the data were corrupted in transit"):
        upload.send(0, objects.source(parts[0]))
    assert [upload.send(number, objects.source(data)) for number, data in enumerate(parts)] == [*map(md5, parts)]
    upload.finish([Part(len(data), md5(data)) for data in parts])
    assert (objects.read("small"), objects.read("large")) == (small, b"".join(parts))


def test_a_busy_store_may_ask_for_patience(relayed: tuple[ObjectHarness, HttpRelay]) -> None:
    objects, relay = relayed
    objects.store.check()
    relay.busy(60, retry_after=7)
    with pytest.raises(Transient, match="answers 503") as caught:
        objects.store.check()
    assert caught.value.retry_after == 7


@pytest.mark.engine("swift")
def test_a_token_that_has_expired_is_renewed_once_for_all_threads(server: ObjectServer) -> None:
    with (
        HttpRelay(server.port) as relay,
        closing(ObjectHarness("swift", url=f"http://127.0.0.1:{relay.port}/auth/v1.0")) as objects,
    ):
        objects.store.create_container()
        server.kill()
        server.start()
        relay.clear()
        sources = [objects.source(b"%d" % number * MIB) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: put(objects.store, number, sources[number]), range(8)))
        assert relay.count(containing="/auth/v1.0") == 1
        assert objects.names() == [f"name {number}" for number in range(8)]


def put(store: ObjectStore, number: int, source: Source) -> None:
    """Again where a connection of before the restart broke."""
    with suppress(Transient):
        return store.put(f"name {number}", source, md5(b"%d" % number * MIB))
    return store.put(f"name {number}", source, md5(b"%d" % number * MIB))


def test_no_secret_is_logged_or_told(
    objects: ObjectHarness, server: ObjectServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    objects.put("some", b"12345")
    told = []
    wrong = objects.but(key=WRONG_KEY)
    gone = objects.but(url=url_of(server, objects.kind))
    server.kill()
    for each in (wrong, gone, objects.but(container=f"{objects.container}-missing")):
        for request in REQUESTS.values():
            with pytest.raises((Refused, Transient)) as caught:
                request(each)
            told.append(f"{caught.getrepr(style='long', showlocals=False)} {caught.value!r}")
    text = caplog.text + "\n".join(told) + repr(vars(objects.store))
    for secret in (WRONG_KEY, "X-Auth-Token:", "AUTH_tk", "Signature=", "Credential="):
        assert secret not in text


def test_a_file_that_becomes_shorter_while_it_is_sent_is_refused(objects: ObjectHarness) -> None:
    data = os.urandom(3 * MIB)
    source = objects.source(data)
    source.file.truncate(MIB)
    with pytest.raises(Refused, match="shorter"):
        objects.store.put("some", source, md5(data))
    assert objects.names() == []
    objects.put("some", data)
    assert objects.read("some") == data


def test_a_file_that_cannot_be_read_is_no_fault_of_the_network(objects: ObjectHarness, tmp_path: Path) -> None:
    with (tmp_path / "write-only").open("wb") as file, pytest.raises(OSError, match="Bad file descriptor"):
        objects.store.put("some", Source(file, 0, 5), md5(b"12345"))


def test_what_the_reader_of_a_download_raises_is_left_alone(objects: ObjectHarness) -> None:
    objects.put("some", b"12345")
    with pytest.raises(OSError, match="disk full"), objects.store.download("some"):
        raise OSError("disk full")
    assert objects.read("some") == b"12345"
