"""``events/`` of a live service."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from support.event_streams import EventStream
from support.live import Api, LiveServer, make_zip, new_jid

from pfcon.api.slots import EVENT_STREAMS
from pfcon.testing.waiting import PATIENCE, eventually

ZIP = make_zip({"a.txt": "alpha"})
TIMES = ["created", "placed", "started", "finished", "time"]
KEYS = ["id", "jid", "kind", "status", "reason", "message", "exit_code", *TIMES]


@pytest.fixture
def jid(api: Api) -> Iterator[str]:
    """A job's id; the job is removed at the end."""
    name = new_jid()
    yield name
    api.delete(f"jobs/{name}/")


def test_a_stream_has_each_change_of_a_job_as_it_comes(api: Api, jid: str) -> None:
    with EventStream(api) as stream:
        assert stream.response.headers["Content-Type"].startswith("text/event-stream")
        assert stream.response.headers["Cache-Control"] == "no-cache"
        assert stream.retry > 0
        assert stream.first.name == ""
        assert api.submit(jid, "sleep 3; exit 3", ZIP).status_code == 201
        begun = time.monotonic()
        [new] = stream.until("notStarted", jid)
        assert time.monotonic() - begun < 2.5  # not when the job ends
        api.wait(jid)
        *started, end = stream.until("finishedWithError", jid)
        assert [one["status"] for one in started] == ["started"]
        api.delete(f"jobs/{jid}/")
        [removed] = stream.until("removed", jid)
    assert list(new) == KEYS
    assert (new["kind"], new["reason"], new["exit_code"], new["started"], new["finished"]) == (
        "plugin",
        "",
        None,
        "",
        "",
    )
    assert end["exit_code"] == 3
    assert "exit" in end["message"]
    assert end["created"] == new["created"] == removed["created"]
    assert end["created"] < end["started"] < end["finished"]
    assert [new["id"], end["id"], removed["id"]] == sorted([new["id"], end["id"], removed["id"]])


def test_a_client_that_connects_again_goes_on_after_its_last_event(api: Api, jid: str) -> None:
    with EventStream(api) as stream:
        start = stream.last_id
        api.submit(jid, "true", ZIP)
        api.wait(jid)
        whole = stream.until("finishedSuccessfully", jid)
    ids = [one["id"] for one in whole]
    for known in (start, *ids[:-1]):
        with EventStream(api, f"?jid={jid}", last=known) as again:
            rest = again.until("finishedSuccessfully", jid)
        assert [one["id"] for one in rest] == [number for number in ids if number > known]
        with EventStream(api, f"?jid={jid}&last_event_id={known}") as again:
            assert again.until("finishedSuccessfully", jid) == rest
    with EventStream(api, "?last_event_id=0", last=ids[0]) as again:  # the URL is that of the first connection
        assert again.jobs(1)[0].id == ids[0] + 1


def test_filters_leave_out_other_jobs_and_kinds(api: Api, jid: str) -> None:
    other = new_jid()
    with EventStream(api, f"?jid={jid}&kind=plugin,copy") as one, EventStream(api, "?kind=copy&kind=delete") as kinds:
        for name in (other, jid):
            api.submit(name, "true", ZIP)
            api.wait(name)
        api.post("deletejobs/", {"jid": other})
        assert {message.data["jid"] for message in one.jobs(2)} == {jid}
        assert {(message.data["jid"], message.data["kind"]) for message in kinds.jobs(1)} == {(other, "delete")}
    api.delete(f"jobs/{other}/")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?last_event_id=x", "last_event_id"),
        ("?last_event_id=-1", "last_event_id"),
        ("?last_event_id=", "last_event_id"),
        ("?last_event_id=1&last_event_id=2", "last_event_id"),
        ("?last_event_id=" + "9" * 19, "last_event_id"),
        ("?jid=../x", "jid"),
        ("?jid=", "jid"),
        ("?kind=other", "kind"),
        ("?status=started", "status"),
        ("?jid=a%00b", "jid"),
        ("?" + "&".join(f"jid=j{number}" for number in range(101)), "jid"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(api: Api, query: str, field: str) -> None:
    answer = api.get("events/" + query)
    assert answer.status_code == 400
    assert list(answer.json()["message"]) == [field]


def test_a_wrong_header_is_refused(api: Api) -> None:
    answer = requests.get(api.url + "events/", headers={**api.headers, "Last-Event-ID": "x"}, timeout=PATIENCE)
    assert answer.status_code == 400
    assert "last_event_id" in answer.json()["message"]


def test_a_stream_needs_a_login(api: Api) -> None:
    assert requests.get(api.url + "events/", timeout=PATIENCE).status_code == 401


def test_only_the_head_of_a_stream_can_be_asked_for(api: Api) -> None:
    for _ in range(2 * EVENT_STREAMS + 1):  # of two processes; none of them occupies anything
        answer = requests.head(api.url + "events/", headers=api.headers, timeout=PATIENCE)
        assert answer.status_code == 200


def test_a_number_of_the_future_is_told(api: Api) -> None:
    with EventStream(api) as now, EventStream(api, last=10**12) as stream:
        assert stream.first.name == "reset"
        assert stream.first.id == stream.first.data["id"] == now.first.id
        assert "events may be missing" in stream.first.data["message"]


@pytest.fixture
def small_server() -> Iterator[LiveServer]:
    """One process with few threads."""
    with tempfile.TemporaryDirectory(prefix="pfcon-events-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        with LiveServer(storebase, {"PFCON_WORKERS": "1", "PFCON_THREADS": "8"}) as live:
            yield live


def opens(api: Api) -> bool:
    """Whether one more stream can be opened."""
    with contextlib.suppress(AssertionError), EventStream(api):
        return True
    return False


def threads_of(server: LiveServer) -> int:
    """How many threads its one process has (proc_pid_task(5))."""
    [pid] = server.worker_pids
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def test_streams_need_no_threads_and_the_next_one_is_refused_until_a_client_has_gone(small_server: LiveServer) -> None:
    api = Api(small_server.url)
    with ExitStack() as stack:
        first = stack.enter_context(EventStream(api))
        few = threads_of(small_server) + 12  # those of the pool, and of what is looked up now and then, may still begin
        streams = [stack.enter_context(EventStream(api)) for _ in range(EVENT_STREAMS - 1)]
        assert threads_of(small_server) <= few < EVENT_STREAMS
        answer = api.get("events/", stream=True)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert f"already has {EVENT_STREAMS} streams of events" in answer.json()["message"]
        jid = new_jid()
        assert api.submit(jid, "true", ZIP).status_code == 201  # others are served
        api.wait(jid)
        for stream in (first, *streams):
            stream.until("finishedSuccessfully", jid)
        assert not opens(api)
        first.close()
        assert eventually(lambda: opens(api))


def test_a_service_that_stops_ends_its_streams_soon(small_server: LiveServer) -> None:
    with EventStream(Api(small_server.url)) as stream:
        begun = time.monotonic()
        assert small_server.stop() == 0
        assert list(stream) == []  # it has ended as it should: the last chunk was there
        assert time.monotonic() - begun < 10
