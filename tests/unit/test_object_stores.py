"""What both clients of object stores share, and how they are chosen."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.zips import NO_LIMITS

from pfcon.errors import Refused
from pfcon.paths import StoreBase
from pfcon.storage.object_store import ObjectStorage
from pfcon.storage.objects.http import Timeouts, extent, one_line, range_header, read_body, retry_after_seconds
from pfcon.storage.objects.s3.description import S3Settings
from pfcon.storage.objects.source import CHUNK, SourceReader
from pfcon.storage.objects.store import Source, Transient
from pfcon.storage.objects.swift.description import SwiftSettings
from pfcon.storage.objects.swift.faults import RequestTarget
from pfcon.storage.objects.swift.session import Access, SwiftSession, TokenCache
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import make_storage
from pfcon.testing.waiting import PATIENCE, eventually

SWIFT = SwiftSettings("http://swift/auth/v1.0", "user", "key", "users")
S3 = S3Settings("http://s3", "access", "secret", "us-east-1", "users")


@pytest.mark.parametrize(("own", "name"), [(SWIFT, "swift"), (S3, "s3")])
def test_the_store_is_that_of_the_settings(own: SwiftSettings | S3Settings, name: str, storebase: StoreBase) -> None:
    storage = make_storage(StorageSettings(name, True, storebase.root, NO_LIMITS, own), storebase)
    assert isinstance(storage, ObjectStorage)
    assert storage.store().name == name


def test_a_service_without_object_storage_imports_none_of_the_libraries() -> None:
    script = "import sys, pfcon.app, pfcon.operations.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert not {"boto3", "botocore", "swiftclient", "keystoneauth1"} & set(done.stdout.split())


def test_one_of_many_threads_logs_in_and_all_have_its_token() -> None:
    calls: list[int] = []

    def login() -> Access:
        calls.append(1)
        time.sleep(0.05)
        return Access("url", f"token {len(calls)}")

    tokens = TokenCache(login)
    with ThreadPoolExecutor(8) as pool:
        assert {access.token for access in pool.map(lambda _: tokens.current(), range(8))} == {"token 1"}
        stale = tokens.current()
        assert {access.token for access in pool.map(lambda _: tokens.renew(stale), range(8))} == {"token 2"}
    assert len(calls) == 2
    assert "token" not in repr(stale)


def asking() -> int:
    """How many threads wait for a token that another one gets."""
    frames = sys._current_frames().values()
    return sum(frame.f_code is TokenCache.renew.__code__ and "called" in frame.f_locals for frame in frames)


def test_a_failed_login_is_that_of_all_who_waited_for_it_and_of_none_who_comes_later() -> None:
    calls: list[int] = []

    def login() -> Access:
        calls.append(1)
        assert eventually(lambda: len(calls) > 1 or asking() == 7)
        raise Refused(f"wrong key, {len(calls)}")

    def ask(number: int) -> str:
        with pytest.raises(Refused) as caught:
            tokens.current()
        return str(caught.value)

    tokens = TokenCache(login)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"wrong key, 1"}
    assert ask(9) == "wrong key, 2"


def test_an_answer_that_is_not_swifts_is_refused() -> None:
    def page(url: str, token: str, *, http_conn: object) -> None:
        json.loads("<html>Welcome to this network</html>")

    access = SwiftSession(TokenCache(lambda: Access("http://swift/v1/AUTH_chris", "token")), Timeouts())
    with pytest.raises(Refused, match="does not answer as Swift does"):
        access.call(RequestTarget("container 'users'"), page)


def test_a_source_is_read_in_its_bounds_and_never_more_than_a_mebibyte(tmp_path: Path) -> None:
    path = tmp_path / "file"
    data = os.urandom(3 * CHUNK)
    path.write_bytes(data)
    with path.open("rb") as file:
        reader = SourceReader(Source(file, 10, 2 * CHUNK))
        assert len(reader) == 2 * CHUNK
        assert reader.read() == data[10 : 10 + CHUNK]
        assert reader.tell() == CHUNK
        assert reader.read(5) == data[10 + CHUNK : 15 + CHUNK]
        assert reader.seek(-3, os.SEEK_END) == 2 * CHUNK - 3
        assert reader.read(100) == data[7 + 2 * CHUNK : 10 + 2 * CHUNK]
        assert reader.read(100) == b""
        reader.seek(0)
        assert reader.read(3) == data[10:13]
        assert file.tell() == 0


def test_a_body_that_ends_early_is_told() -> None:
    chunks = iter([b"123", b""])
    reading = read_body(lambda size: next(chunks), 5)
    assert next(reading) == b"123"
    with pytest.raises(Transient, match="ended 2 bytes early"):
        next(reading)


@pytest.mark.parametrize(
    ("start", "size", "wanted"), [(0, None, ""), (5, None, "bytes=5-"), (5, 3, "bytes=5-7"), (0, 1, "bytes=0-0")]
)
def test_a_range_is_asked_for_as_http_has_it(start: int, size: int | None, wanted: str) -> None:
    assert range_header(start, size) == wanted


def test_an_answer_tells_what_part_it_is() -> None:
    assert extent("bytes 5-7/10", 3) == (5, 3, 10)
    assert extent(None, 10) == (0, 10, 10)


@pytest.mark.parametrize(("text", "wanted"), [(None, 0), ("", 0), ("12", 12), ("-1", 0), ("1e9", 0), ("9" * 20, 0)])
def test_only_a_number_of_seconds_is_waited(text: str | None, wanted: float) -> None:
    assert retry_after_seconds(text) == wanted


def test_texts_are_plain() -> None:
    assert one_line(b"<h1>a</h1>\n<p>\xff b", ("b",)) == "a � ***"
    assert len(one_line("x" * 1000)) == 300
