"""Event streams when the service is killed, and when clients do not read."""

import contextlib
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from sqlalchemy import insert, update
from support.event_streams import EventStream, Message
from support.live import Api, LiveServer, StartServer, make_zip, new_jid
from support.raw import Raw

from pfcon.api.slots import EVENT_STREAMS
from pfcon.records.database import opened
from pfcon.records.events import MESSAGE
from pfcon.records.schema import event_counter, events
from pfcon.testing.waiting import PATIENCE, eventually

ZIP = make_zip({"a.txt": "alpha"})
FINAL = "finishedSuccessfully"


def read(api: Api, after: int, jids: set[str]) -> list[Message]:
    """The messages until all of the jobs have ended, or the service is killed."""
    found: list[Message] = []
    with contextlib.suppress(requests.RequestException), EventStream(api, last=after) as stream:
        for message in stream:
            assert message.name in ("", "job")
            found += [message] if message.name else []
            if jids == {one.data["jid"] for one in found if one.data["status"] == FINAL}:
                break
    return found


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.engine("postgresql"))])
def test_a_client_of_a_service_that_is_killed_gets_each_event_once_and_in_order(
    start_server: StartServer, database: str, request: pytest.FixtureRequest
) -> None:
    url = {"PFCON_DATABASE_URL": request.getfixturevalue("postgresql")} if database == "postgresql" else {}
    server = start_server(**url)
    api = Api(server.url)
    jids = {new_jid() for _ in range(6)}
    for jid in sorted(jids):
        assert api.submit(jid, "sleep 1", ZIP).status_code == 201
    with EventStream(api, last=0) as stream:
        seen = stream.jobs(3)  # of those that there are
        server.kill()
    server.start()
    for jid in jids:
        api.wait(jid)
    seen += read(
        api, seen[-1].id, {jid for jid in jids if FINAL not in {m.data["status"] for m in seen if m.data["jid"] == jid}}
    )
    assert [message.id for message in seen] == list(range(1, len(seen) + 1))
    for jid in jids:
        statuses = [message.data["status"] for message in seen if message.data["jid"] == jid]
        assert statuses in (["notStarted", "started", FINAL], ["notStarted", FINAL])


def add_large_events(storebase: Path, number: int) -> None:
    """Write events that no job has."""
    row = {"jid": "j", "kind": "plugin", "status": "started", "message": "m" * MESSAGE, "at": time.time()}
    with opened(None, storebase / ".pfcon" / "records") as database, database.begin() as connection:
        connection.execute(insert(events), [{**row, "id": n} for n in range(1, number + 1)])
        connection.execute(update(event_counter).values(last=number))


def streams_of(server: LiveServer, api: Api) -> int:
    """How many streams the service counts."""
    text = requests.get(f"{server.url.partition('/api/')[0]}/metrics", headers=api.headers, timeout=PATIENCE).text
    return int(float(text.partition('\npfcon_streams{kind="events"} ')[2].split()[0]))


def test_clients_that_do_not_read_lose_their_streams_and_do_not_keep_others(start_server: StartServer) -> None:
    server = start_server(PFCON_WORKERS="1", PFCON_THREADS="8")
    api = Api(server.url)
    add_large_events(server.storebase, 20_000)  # more than the buffers of sockets take
    [pid] = server.worker_pids
    head = f"GET /api/v1/events/ HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}\r\n"
    before = memory(pid)
    with ExitStack() as stack:
        stalled = [stack.enter_context(Raw(server.port)) for _ in range(10)]
        for raw in stalled:
            raw.send(head + "Last-Event-ID: 0\r\n\r\n")
        assert eventually(lambda: streams_of(server, api) == len(stalled))
        with EventStream(api) as stream:
            jid = new_jid()
            assert api.submit(jid, "true", ZIP).status_code == 201
            assert stream.until(FINAL, jid)
        assert memory(pid) - before < 24 << 20  # each of them could have 27 MB
        assert eventually(lambda: streams_of(server, api) == 0)


def test_clients_that_are_gone_before_their_streams_begin_keep_no_place(start_server: StartServer) -> None:
    server = start_server(PFCON_WORKERS="1")
    api = Api(server.url)
    for _ in range(EVENT_STREAMS + 50):
        with Raw(server.port) as raw:
            raw.send(
                f"GET /api/v1/events/ HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}\r\n\r\n"
            )
    assert eventually(lambda: streams_of(server, api) == 0)
    with EventStream(api):
        assert streams_of(server, api) == 1


def test_a_client_that_has_gone_is_noticed_at_once(start_server: StartServer) -> None:
    server = start_server(PFCON_WORKERS="1")
    api = Api(server.url)
    stream = EventStream(api)
    assert streams_of(server, api) == 1
    stream.close()
    assert eventually(lambda: streams_of(server, api) == 0, 5)  # not with the next heartbeat


def test_a_stream_of_all_events_that_are_kept_is_complete_in_bounded_memory(start_server: StartServer) -> None:
    server = start_server(PFCON_WORKERS="1")
    api = Api(server.url)
    add_large_events(server.storebase, 20_000)
    [pid] = server.worker_pids
    with EventStream(api) as stream:
        stream.close()
    before = memory(pid)
    with EventStream(api, last=0) as stream:
        assert [message.id for message in stream.jobs(20_000)] == list(range(1, 20_001))
    assert memory(pid) - before < 16 << 20  # the text has 27 MB


def memory(pid: int) -> int:
    """Resident bytes (proc_pid_status(5))."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) << 10


def ends_soon(pid: int) -> bool:
    return eventually(lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text())


def test_a_worker_whose_parent_was_killed_ends_in_spite_of_its_streams(start_server: StartServer) -> None:
    server: LiveServer = start_server(PFCON_WORKERS="1", PFCON_GRACEFUL_TIMEOUT="600")
    [pid] = server.worker_pids
    with EventStream(Api(server.url)) as stream:
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        begun = time.monotonic()
        with contextlib.suppress(requests.RequestException):
            list(stream)
        assert ends_soon(pid)
        assert time.monotonic() - begun < PATIENCE
