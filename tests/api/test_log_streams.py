"""``.../logs/?follow`` of a live service."""

import time
from collections.abc import Iterator

import pytest
import requests
from support.event_streams import LogStream
from support.live import Api, LiveServer, make_zip, new_jid
from support.raw import Raw

from pfcon.testing.waiting import PATIENCE

ZIP = make_zip({"a.txt": "alpha"})


@pytest.fixture
def jid(api: Api) -> Iterator[str]:
    """A job's id; the job is removed at the end."""
    name = new_jid()
    yield name
    api.delete(f"jobs/{name}/")


def test_a_follower_gets_each_line_as_it_comes_and_the_end(api: Api, jid: str) -> None:
    assert (
        api.submit(jid, "echo one; sleep 4; echo two; echo three >&2; printf 'no end'; exit 3", ZIP).status_code == 201
    )
    begun = time.monotonic()
    with LogStream(api, jid) as stream:
        assert stream.response.headers["Content-Type"].startswith("text/event-stream")
        first = stream.next_named("log")
        assert first.data == {"text": "one\n"}
        assert first.id == 4
        assert time.monotonic() - begun < 3.5  # not when the job ends
        *rest, end = stream.rest()
    assert "".join(one.data["text"] for one in rest if one.name == "log") == "two\nthree\nno end"
    assert end.id == len("one\ntwo\nthree\nno end")
    assert end.data == {
        "status": "finishedWithError",
        "reason": "ExitCode",
        "message": end.data["message"],
        "exit_code": 3,
    }
    assert "exit" in end.data["message"]
    states = [one.data for one in rest if one.name == "status"]
    assert states[-1] == {name: end.data[name] for name in ("status", "reason", "message")}


def test_an_ended_job_has_its_whole_log_and_its_state_first_and_last(api: Api, jid: str) -> None:
    api.submit(jid, "seq 1 20000", ZIP)
    api.wait(jid)
    whole = "".join(f"{number}\n" for number in range(1, 20001))
    with LogStream(api, jid) as stream:
        begin, *lines, end = stream.rest()
    assert (begin.name, begin.data["status"]) == ("status", "finishedSuccessfully")
    assert {one.name for one in lines} == {"log"}
    assert len(lines) > 1  # not one large event
    assert all(one.data["text"].endswith("\n") for one in lines)
    assert "".join(one.data["text"] for one in lines) == whole
    assert end.data["exit_code"] == 0
    for known in (0, lines[0].id, lines[-1].id):
        with LogStream(api, jid, last=known) as again:
            assert again.text() == whole[known:]
    answer = api.get(f"pluginjobs/{jid}/logs/?follow=1&last_event_id={lines[-1].id}")  # without the header
    assert "event: log" not in answer.text
    assert "event: end" in answer.text


def test_a_client_that_comes_again_gets_no_line_twice_and_misses_none(api: Api, jid: str) -> None:
    api.submit(jid, "for n in $(seq 1 40); do echo line $n; sleep 0.1; done", ZIP)
    text, last = "", 0
    for _ in range(100):
        with LogStream(api, jid, last=last) as stream:
            for message in stream:
                last = message.id
                if message.name == "log":
                    text += message.data["text"]
                    break
                if message.name == "end":
                    assert text == "".join(f"line {number}\n" for number in range(1, 41))
                    return
    raise AssertionError(text)


def test_followers_of_one_job_get_the_same(api: Api, jid: str) -> None:
    api.submit(jid, "for n in $(seq 1 20); do echo line $n; sleep 0.1; done", ZIP)
    streams = [LogStream(api, jid) for _ in range(8)]
    texts = {stream.text() for stream in streams}
    assert texts == {"".join(f"line {number}\n" for number in range(1, 21))}


def test_what_is_no_text_is_replaced_and_long_lines_are_cut_between_characters(api: Api, jid: str) -> None:
    script = r"""printf 'a\0b\377c\n'; printf 'x'; for n in $(seq 1 50000); do printf 'ä'; done; printf '\nend'"""
    api.submit(jid, script, ZIP)
    with LogStream(api, jid) as stream:
        *lines, end = [message for message in stream.rest() if message.name != "status"]
    assert "".join(one.data["text"] for one in lines) == "a\ufffdb\ufffdc\nx" + "ä" * 50000 + "\nend"
    assert [one.data["text"] for one in lines][-1] == "end"
    assert end.id == 6 + 1 + 100_000 + 4
    assert max(len(one.data["text"].encode()) for one in lines) <= 64 * 1024


def test_a_removed_job_ends_its_stream(api: Api, jid: str) -> None:
    api.submit(jid, "echo one; sleep 600", ZIP)
    with LogStream(api, jid) as stream:
        stream.next_named("log")
        api.delete(f"jobs/{jid}/")
        end = stream.rest()[-1]
    assert (end.data["status"], end.data["message"]) == ("removed", "the job was removed")


def test_the_progress_of_a_job_is_in_its_states(api: Api, jid: str) -> None:
    api.submit(jid, "sleep 3; echo done", ZIP)
    with LogStream(api, jid) as stream:
        statuses = [one.data["status"] for one in stream.rest() if one.name == "status"]
    assert statuses in (["started", "finishedSuccessfully"], ["notStarted", "started", "finishedSuccessfully"])


@pytest.mark.parametrize("kind", ["deletejobs", "jobs"])
def test_jobs_of_other_lists_have_a_log_too(api: Api, jid: str, kind: str) -> None:
    api.submit(jid, "echo one", ZIP)
    api.wait(jid)
    if kind == "deletejobs":
        api.post("deletejobs/", {"jid": jid})
    answer = api.get(f"{kind}/{jid}/logs/?follow")
    assert answer.status_code == 200
    assert "event: end\n" in answer.text
    api.delete(f"deletejobs/{jid}/")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?follow=2", "follow"),
        ("?follow&follow", "follow"),
        ("?follow&last_event_id=x", "last_event_id"),
        ("?follow&last_event_id=-1", "last_event_id"),
        ("?follow&last_event_id=" + "9" * 19, "last_event_id"),
        ("?follow&last_event_id=5", "last_event_id"),
        ("?follow&lines=5", "lines"),
    ],
)
def test_a_wrong_parameter_is_refused(api: Api, jid: str, query: str, field: str) -> None:
    api.submit(jid, "echo one", ZIP)  # 4 bytes
    api.wait(jid)
    answer = api.get(f"pluginjobs/{jid}/logs/{query}")
    assert answer.status_code == 400
    assert list(answer.json()["message"]) == [field]


def test_an_unknown_job_and_a_missing_login_are_told_before_the_stream_begins(api: Api, jid: str) -> None:
    assert api.get(f"pluginjobs/{jid}/logs/?follow").status_code == 404
    assert requests.get(f"{api.url}pluginjobs/{jid}/logs/?follow", timeout=PATIENCE).status_code == 401


def test_a_connection_is_used_again_after_a_stream_has_ended(api: Api, server: LiveServer, jid: str) -> None:
    """Also for a request that has come while the stream was there."""
    api.submit(jid, "sleep 2; echo one", ZIP)
    head = f"HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}\r\n\r\n"
    with Raw(server.port) as raw:
        raw.send(f"GET /api/v1/pluginjobs/{jid}/logs/?follow {head}")
        status, headers = raw.head()
        assert (status, headers["transfer-encoding"], headers["connection"]) == (200, "chunked", "keep-alive")
        assert headers["x-request-id"]
        raw.send(f"GET /api/v1/jobs/{jid}/ {head}")
        assert b"event: end" in raw.chunks()
        assert raw.answer().json()["compute"]["status"] == "finishedSuccessfully"
        raw.send(f"GET /api/v1/health/ {head}")
        assert raw.answer().status == 200


def test_a_client_of_http_1_0_gets_the_log_until_the_connection_is_closed(
    api: Api, server: LiveServer, jid: str
) -> None:
    api.submit(jid, "echo one", ZIP)
    api.wait(jid)
    with Raw(server.port) as raw:
        raw.send(
            f"GET /api/v1/jobs/{jid}/logs/?follow HTTP/1.0\r\nAuthorization: {api.headers['Authorization']}\r\n\r\n"
        )
        status, headers = raw.head()
        assert (status, headers.get("transfer-encoding"), headers["connection"]) == (200, None, "close")
        text = raw.to_end()
        assert text.startswith(b"retry: 2000\nid: 0\n\n")
        assert text.endswith(b'"exit_code": 0}\n\n')
