"""A storeBase that fills up: uploads leave what must stay free, also many of them at once; 507 tells the figures."""

import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from support.live import Api, LiveServer, new_jid
from support.zips import RawMember, raw_zip

from pfcon.paths import StoreBase
from pfcon.testing.waiting import eventually

MIB = 1 << 20
DISK, MUST_STAY = 160, 64  # MiB
SLACK = 2 * MIB  # records, logs and directories, which nobody reserves

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[LiveServer]:
    """A server whose storeBase is a file system of its own."""
    root = tmp_path / "storeBase"
    root.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "none", root], check=False)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        with LiveServer(root, {"PFCON_MIN_FREE_BYTES": f"{MUST_STAY} MiB"}) as server:
            yield server
    finally:
        assert eventually(lambda: subprocess.run(["umount", root], check=False).returncode == 0)


def upload_of(mebibytes: int) -> bytes:
    return raw_zip(RawMember(b"f", os.urandom(MIB) * mebibytes, method=0))


def kept_free(server: LiveServer, api: Api, uploads: list[bytes]) -> tuple[list[requests.Response], int]:
    """Upload all at once. The answers, and the fewest bytes that were free meanwhile."""
    storebase, ended = StoreBase(server.storebase), threading.Event()
    least = [storebase.free_bytes()]

    def watch() -> None:
        while not ended.wait(0.005):
            least.append(storebase.free_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(len(uploads)) as pool:
            answers = list(pool.map(lambda content: api.submit(new_jid(), "true", content), uploads))
    finally:
        ended.set()
        watcher.join()
    return answers, min(least)


def test_an_upload_that_does_not_fit_is_a_507_with_figures(small: LiveServer) -> None:
    api = Api(small.url)
    answers, least = kept_free(small, api, [upload_of(110)])
    assert answers[0].status_code == 507, answers[0].text
    message = answers[0].json()["message"]
    assert "data_file: the upload's bytes need 110" in message
    assert "64.0 MiB must stay free (PFCON_MIN_FREE_BYTES)" in message
    assert answers[0].headers["Retry-After"]
    assert least >= MUST_STAY * MIB - SLACK
    assert not list(small.storebase.glob("key-*"))
    assert api.submit(new_jid(), "true", upload_of(10)).status_code == 201


def test_inputs_that_do_not_fit_unpacked_are_a_507_and_leave_nothing(small: LiveServer) -> None:
    answers, least = kept_free(small, Api(small.url), [upload_of(60)])  # twice that, with what is unpacked of it
    assert answers[0].status_code == 507, answers[0].text
    assert "unpacked, the inputs need 60" in answers[0].json()["message"]
    assert least >= MUST_STAY * MIB - SLACK
    assert not list(small.storebase.glob("key-*"))


def test_many_uploads_at_once_leave_what_must_stay_free(small: LiveServer) -> None:
    answers, least = kept_free(small, Api(small.url), [upload_of(20)] * 8)
    assert {answer.status_code for answer in answers} <= {201, 507}
    assert 507 in {answer.status_code for answer in answers}
    assert least >= MUST_STAY * MIB - SLACK


def test_an_upload_of_unknown_length_stops_where_the_room_ends(small: LiveServer) -> None:
    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="data_file"; filename="a.zip"\r\n\r\n'
        for _ in range(300):
            yield bytes(MIB)

    headers = {**Api(small.url).headers, "Content-Type": "multipart/form-data; boundary=b"}
    storebase = StoreBase(small.storebase)
    try:
        answer = requests.post(small.url + "jobs/", data=body(), headers=headers, timeout=300)
        assert answer.status_code == 507, answer.text
    except requests.ConnectionError:  # it was still sending when the answer had come
        pass
    assert eventually(lambda: storebase.free_bytes() > (DISK - 10) * MIB)
    assert "PFCON_MIN_FREE_BYTES" in small.log_path.read_text()
