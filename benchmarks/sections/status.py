"""Statuses per second."""

import time

from benchmarks import sdk
from benchmarks.apart import run_apart
from benchmarks.faults import Broken, NotHere
from benchmarks.load import Load, drive
from benchmarks.report import Row, Table, at_least, median
from benchmarks.session import Server, Session

CLIENTS = (1, 8, 64)
FINISHED = at_least(1000, "/s")
ACTIVE = at_least(0.8)
LINES = "i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo a line of the log, number $i; done"
ENDS = ("sh", "-c", LINES)
GOES_ON = ("sh", "-c", f"{LINES}; exec sleep 3600")
PATIENCE = 20.0  # seconds for a container to write its log
NOTES = [
    "Kept connections; the load comes from one light process (raw sockets, prepared requests, epoll), which shares "
    "the cores with the server. `generator`: the share of one core that it took.",
    "beside: threads over one shared docker.APIClient: inspect_container, then logs(tail=1000), which inspects again. "
    "Medians of interleaved runs.",
    "Both jobs have written 20 lines of log.",
]


def measure(session: Session) -> Table:
    """A finished job, which the records know all of, and one that runs in a container."""
    table = Table("Statuses per second", notes=list(NOTES))
    with session.fresh("status") as directory, session.server(directory) as server:
        job = server.job(ENDS)
        server.run(job, session.tree("tiny").path)
        request = server.client.request(f"jobs/{job.jid}/")
        for clients in CLIENTS:
            session.say(f"statuses of a finished job, {clients} clients")
            loads = [_drive(server, request, b"finishedSuccessfully", clients, session) for _ in range(session.rounds)]
            rate = median([load.rate for load in loads])
            table.rows.append(Row(f"finished job, {clients} clients", _told(loads), target=FINISHED, figure=rate))
    try:
        engine, url = session.container_engine()
    except NotHere as reason:
        table.notes.append(f"Active jobs were not measured: {reason}")
        return table
    with session.fresh("status") as directory, session.server(directory, engine, url) as server:
        table.rows += _active(session, server, engine, url)
    return table


def _active(session: Session, server: Server, engine: str, url: str) -> list[Row]:
    job = server.job(GOES_ON)
    server.client.submit(job, session.tree("tiny").path)
    _await_log(server, job.jid)
    request = server.client.request(f"jobs/{job.jid}/")
    rows = []
    for clients in CLIENTS:
        session.say(f"statuses of an active {engine} job, {clients} clients")
        own, bare = [], []
        for _ in range(session.rounds):
            own.append(_drive(server, request, b'"started"', clients, session))
            bare.append(run_apart(sdk.ask_status, url, job.jid, clients, _seconds(session)))
        ratio = median([load.rate for load in own]) / median([load.rate for load in bare])
        rows.append(Row(f"active {engine} job, {clients} clients", _told(own), f"SDK {_told(bare)}", ratio, ACTIVE))
    return rows


def _await_log(server: Server, jid: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while "number 20" not in (compute := server.client.status(jid))["logs"]:
        if time.monotonic() > deadline or compute["status"] not in ("notStarted", "started"):
            raise Broken(f"the job has not written its log: {compute}")
        time.sleep(0.1)


def _seconds(session: Session) -> float:
    return 1.0 if session.quick else 4.0


def _drive(server: Server, request: bytes, expected: bytes, clients: int, session: Session) -> Load:
    return run_apart(drive, server.port, request, expected, clients, _seconds(session))


def _told(loads: list[Load]) -> str:
    """The middle one of some runs."""
    load = sorted(loads, key=lambda load: load.rate)[len(loads) // 2]
    return f"{load.rate:.0f}/s, {load.latencies()}, generator {load.cpu / load.wall:.0%}"
