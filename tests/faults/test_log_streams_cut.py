"""Followers of logs when the service is killed or stopped, when they do not read, and when there are many."""

import contextlib
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from support.event_streams import EventStream, LogStream
from support.live import Api, LiveServer, StartServer, make_zip, new_jid
from support.raw import Raw

from pfcon.testing.waiting import PATIENCE, eventually

ZIP = make_zip({"a.txt": "alpha"})
FINAL = "finishedSuccessfully"
ENGINES = ["process", pytest.param("docker", marks=pytest.mark.engine("docker"))]
LINES = 200
SLOWLY = f"for n in $(seq 1 {LINES}); do echo line $n; sleep 0.05; done"
WHOLE = "".join(f"line {number}\n" for number in range(1, LINES + 1))


def read(api: Api, jid: str, last: int, most: int = 0) -> tuple[str, int, bool]:
    """The text from an offset until the stream breaks or ends, or after so many messages with lines.

    With the last id, and whether the job has ended.
    """
    text, number = "", 0
    with contextlib.suppress(requests.RequestException), LogStream(api, jid, last=last) as stream:
        for message in stream:
            last = message.id
            if message.name == "end":
                return text, last, True
            if message.name == "log":
                text += message.data["text"]
                number += 1
            if number == most > 0:
                break
    return text, last, False


@pytest.mark.parametrize("engine", ENGINES)
def test_a_follower_of_a_service_that_is_killed_and_stopped_gets_each_line_once(
    start_server: StartServer, engine: str
) -> None:
    server = start_server(engine)  # two processes
    api = Api(server.url)
    jid = new_jid()
    assert api.submit(jid, SLOWLY, ZIP).status_code == 201
    text, last, _ = read(api, jid, 0, 2)
    for end in (server.kill, server.stop):
        with LogStream(api, jid, last=last) as stream:
            message = stream.next_named("log")
            text, last = text + message.data["text"], message.id
            end()
        server.start()
        more, last, _ = read(api, jid, last, 2)
        text += more
    more, last, ended = read(api, jid, last)
    assert ended
    assert text + more == WHOLE
    api.delete(f"jobs/{jid}/")


@pytest.mark.parametrize("engine", ENGINES)
def test_each_process_of_a_service_goes_on_where_another_one_was(start_server: StartServer, engine: str) -> None:
    server = start_server(engine)  # two processes
    api = Api(server.url)
    jid = new_jid()
    assert api.submit(jid, SLOWLY, ZIP).status_code == 201
    text, last, ended = "", 0, False
    while not ended:
        more, last, ended = read(api, jid, last, 1)
        text += more
    assert text == WHOLE
    api.delete(f"jobs/{jid}/")


def test_a_service_that_stops_ends_its_streams_at_once_and_completely(start_server: StartServer) -> None:
    server = start_server()
    api = Api(server.url)
    jid = new_jid()
    api.submit(jid, "echo one; sleep 600", ZIP)
    with LogStream(api, jid) as stream:
        stream.next_named("log")
        begun = time.monotonic()
        assert server.stop() == 0
        assert [message.name for message in stream] == []  # the last chunk was there, and the job has not ended
        assert time.monotonic() - begun < 5
    server.start()
    api.delete(f"jobs/{jid}/")


def threads_of(server: LiveServer) -> int:
    """How many threads its one process has (proc_pid_task(5))."""
    [pid] = server.worker_pids
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def test_many_followers_need_no_threads(start_server: StartServer) -> None:
    server = start_server(PFCON_WORKERS="1", PFCON_THREADS="8")
    api = Api(server.url)
    jids = [new_jid() for _ in range(5)]
    for jid in jids:
        api.submit(jid, "echo one; sleep 600", ZIP)
    with ExitStack() as stack:
        stack.enter_context(EventStream(api))
        stack.enter_context(LogStream(api, jids[0]))
        few = threads_of(server) + 12  # those of the pool, and of what is looked up now and then, may still begin
        streams = [stack.enter_context(LogStream(api, jid)) for jid in jids * 40]
        assert {stream.next_named("log").data["text"] for stream in streams} == {"one\n"}
        assert threads_of(server) <= few < len(streams)
        for jid in jids:
            assert api.delete(f"jobs/{jid}/").status_code == 204
        assert {stream.rest()[-1].data["status"] for stream in streams} == {"removed"}


def test_followers_keep_their_places_from_unfinished_requests_but_not_from_others(start_server: StartServer) -> None:
    server = start_server(PFCON_WORKERS="1", PFCON_THREADS="8")
    server.stop()
    server.python = ("prlimit", "--nofile=256:", sys.executable)  # the soft limit, which leaves 128 to connections
    server.start()
    api = Api(server.url)
    jid = new_jid()
    api.submit(jid, "sleep 3; echo one; sleep 600", ZIP)
    head = f"GET /api/v1/jobs/{jid}/logs/?follow HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}"
    with ExitStack() as stack:
        stream = stack.enter_context(LogStream(api, jid))
        for _ in range(300):
            stack.enter_context(Raw(server.port)).send("GET / HT")
        assert stream.next_named("log").data["text"] == "one\n"
        for _ in range(200):
            assert stack.enter_context(Raw(server.port)).send(f"{head}\r\n\r\n").head()[0] == 200
        assert api.get("jobs/").status_code == 200
    api.delete(f"jobs/{jid}/")


def memory(pid: int) -> int:
    """Resident bytes (proc_pid_status(5))."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) << 10


def streams_of(server: LiveServer, api: Api) -> int:
    """How many streams the service counts."""
    text = requests.get(f"{server.url.partition('/api/')[0]}/metrics", headers=api.headers, timeout=PATIENCE).text
    return int(float(text.partition('\npfcon_streams{kind="logs"} ')[2].split()[0]))


def test_followers_that_do_not_read_keep_nobody_and_lose_their_streams(start_server: StartServer) -> None:
    server = start_server(PFCON_WORKERS="1", PFCON_THREADS="8")
    api = Api(server.url)
    large, jid = new_jid(), new_jid()
    api.submit(large, "yes a line of this log | head -c 60000000", ZIP)
    api.wait(large)
    [pid] = server.worker_pids
    head = f"GET /api/v1/jobs/{large}/logs/?follow HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}"
    before = memory(pid)
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(Raw(server.port)).send(f"{head}\r\n\r\n")
        assert eventually(lambda: streams_of(server, api) == 20)
        api.submit(jid, SLOWLY, ZIP)
        assert read(api, jid, 0)[::2] == (WHOLE, True)
        assert memory(pid) - before < 40 << 20
        assert eventually(lambda: streams_of(server, api) == 0)


def test_a_follower_that_has_gone_is_noticed_at_once(start_server: StartServer) -> None:
    server = start_server(PFCON_WORKERS="1")
    api = Api(server.url)
    jid = new_jid()
    api.submit(jid, "sleep 600", ZIP)
    stream = LogStream(api, jid)
    assert streams_of(server, api) == 1
    stream.close()
    assert eventually(lambda: streams_of(server, api) == 0, 5)  # not with the next heartbeat
    api.delete(f"jobs/{jid}/")


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_log_does_not_keep_is_told_at_its_place(start_server: StartServer, engine: str) -> None:
    server = start_server(engine, PFCON_LOG_BYTES="65536")
    api = Api(server.url)
    jid = new_jid()
    api.submit(jid, 'i=0; while [ $i -lt 40000 ]; do i=$((i+1)); printf "line %06d\\n" $i; done', ZIP)
    api.wait(jid)
    size = 12 * 40_000
    with LogStream(api, jid) as stream:
        messages = [message for message in stream.rest() if message.name != "status"]
    [gap] = [message for message in messages if message.name == "gap"]
    at = messages.index(gap)
    before = "".join(message.data["text"] for message in messages[:at])
    after = "".join(message.data["text"] for message in messages[at + 1 : -1])
    whole = "".join(f"line {number:06}\n" for number in range(1, 40_001))
    assert whole.startswith(before)
    assert whole.endswith(after)
    assert len(before) + gap.data["bytes"] + len(after) == size
    assert messages[-1].id == size
    with LogStream(api, jid, last=len(before) + 7) as stream:  # where bytes are left out
        first = stream.next_named("gap")
        assert first.data["bytes"] == gap.data["bytes"] - 7
        assert stream.text() == after
    api.delete(f"jobs/{jid}/")


def test_a_stream_beyond_the_limit_is_refused_with_503(start_server: StartServer) -> None:
    server = start_server(PFCON_WORKERS="1")
    api = Api(server.url)
    jid = new_jid()
    api.submit(jid, "sleep 600", ZIP)
    head = f"GET /api/v1/jobs/{jid}/logs/?follow HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}"
    with ExitStack() as stack:
        for _ in range(300):
            raw = stack.enter_context(Raw(server.port)).send(f"{head}\r\n\r\n")
            assert raw.head()[0] == 200
        answer = stack.enter_context(Raw(server.port)).send(f"{head}\r\n\r\n").answer()
        assert answer.status == 503
        assert answer.message() == "this service process already has 300 streams of logs; try again later"
        assert int(answer.headers["retry-after"]) > 0
        assert requests.get(f"{server.url}health/", timeout=PATIENCE).status_code == 200
    api.delete(f"jobs/{jid}/")
