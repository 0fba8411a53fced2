"""The whole log of a job, and ranges of it, from a live service."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from support.described import Described
from support.live import Api, LiveServer, make_zip, new_jid

from pfcon.testing.waiting import eventually

TEXT = "".join(f"line {number}\n" for number in range(1, 20_001)).encode()
SCRIPT = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo "line $i"; done'


def submit(api: Api, script: str = SCRIPT) -> str:
    jid = new_jid()
    assert api.submit(jid, script, make_zip({"a": b"x"})).status_code == 201
    return jid


def get(api: Api, path: str, **headers: str) -> requests.Response:
    """The answer, which the OpenAPI document has."""
    asking = Api.__new__(Api)
    asking.url, asking.headers = api.url, {**api.headers, **headers}
    answer = asking.get(path)
    Described().check_answer("GET", f"/api/v1/{path}", answer.status_code, answer.headers, answer.content)
    return answer


@pytest.fixture(scope="module")
def jid(api: Api) -> str:
    """A job that has ended, with a log of 20,000 lines."""
    jid = submit(api)
    assert api.wait(jid)["status"] == "finishedSuccessfully"
    return jid


def test_the_whole_log_is_sent_as_text(api: Api, jid: str) -> None:
    for path in (f"jobs/{jid}/logs/", f"pluginjobs/{jid}/logs/"):
        answer = get(api, path)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.content == TEXT


@pytest.mark.parametrize(
    ("wanted", "first", "after"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, len(TEXT)),
        ("bytes=100000-100000", 100_000, 100_001),
        ("bytes=-5", len(TEXT) - 5, len(TEXT)),
        ("bytes=-999999999", 0, len(TEXT)),
        ("bytes=5-999999999", 5, len(TEXT)),
    ],
)
def test_a_range_has_the_bytes_at_its_offsets(api: Api, jid: str, wanted: str, first: int, after: int) -> None:
    answer = get(api, f"jobs/{jid}/logs/", Range=wanted)
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{after - 1}/{len(TEXT)}"
    assert answer.headers["Content-Length"] == str(after - first)
    assert answer.content == TEXT[first:after]


@pytest.mark.parametrize("wanted", [f"bytes={len(TEXT)}-", "bytes=999999999-9999999999", "bytes=-0"])
def test_a_range_beyond_the_log_is_refused(api: Api, jid: str, wanted: str) -> None:
    answer = get(api, f"jobs/{jid}/logs/", Range=wanted)
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(TEXT)}"
    assert answer.json()["message"]


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "lines=1-2", "bytes=b-a", "bytes=9-2", "bytes", ""])
def test_what_is_no_single_range_of_bytes_is_ignored(api: Api, jid: str, wanted: str) -> None:
    answer = get(api, f"jobs/{jid}/logs/", Range=wanted)
    assert (answer.status_code, answer.content) == (200, TEXT)


def test_a_condition_on_a_range_is_never_met(api: Api, jid: str) -> None:
    answer = get(api, f"jobs/{jid}/logs/", Range="bytes=0-1", **{"If-Range": '"x"'})
    assert (answer.status_code, answer.content) == (200, TEXT)


def test_the_log_of_a_job_that_runs_is_sent_as_it_is_now(api: Api) -> None:
    jid = submit(api, "printf 'one\\nhalf a'; sleep 1000")
    assert eventually(lambda: get(api, f"jobs/{jid}/logs/").content == b"one\nhalf a")
    assert get(api, f"jobs/{jid}/logs/", Range="bytes=4-").content == b"half a"
    assert api.delete(f"jobs/{jid}/").status_code == 204
    assert get(api, f"jobs/{jid}/logs/").status_code == 404


def test_logs_of_unknown_jobs_and_without_a_token_are_errors(api: Api, jid: str) -> None:
    for path in ("jobs/none/logs/", "copyjobs/none/logs/", "deletejobs/none/logs/", f"uploadjobs/{jid}/logs/"):
        assert get(api, path).status_code == 404
    assert get(api, "jobs/..%3F/logs/").status_code in (400, 404)
    assert get(api, f"jobs/{jid}/logs/", Authorization="").status_code == 401


@pytest.fixture(scope="module")
def bounded() -> Iterator[Api]:
    """A service that keeps 64 KiB of a log."""
    with tempfile.TemporaryDirectory(prefix="pfcon-api-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        with LiveServer(storebase, {"PFCON_LOG_BYTES": "65536"}) as live:
            yield Api(live.url)


def test_what_was_left_out_is_told_and_offsets_are_those_of_the_output(bounded: Api) -> None:
    jid = submit(bounded)
    bounded.wait(jid)
    whole = get(bounded, f"jobs/{jid}/logs/").content
    first, _, rest = whole.partition(b"pfcon: ")
    count, _, last = rest.partition(b" bytes of the log are left out here (PFCON_LOG_BYTES)\n")
    begin = len(TEXT) - len(last)
    assert TEXT.startswith(first.removesuffix(b"\n"))
    assert TEXT.endswith(last)
    assert 32_768 + int(count) == begin
    in_gap = get(bounded, f"jobs/{jid}/logs/", Range="bytes=32768-")
    assert in_gap.headers["Content-Range"] == f"bytes {begin}-{len(TEXT) - 1}/{len(TEXT)}"
    assert in_gap.content == last
    before = get(bounded, f"jobs/{jid}/logs/", Range="bytes=32000-")
    assert before.headers["Content-Range"] == f"bytes 32000-32767/{len(TEXT)}"
    assert before.content == TEXT[32_000:32_768]
    assert get(bounded, f"jobs/{jid}/logs/", Range="bytes=40000-40010").status_code == 416
