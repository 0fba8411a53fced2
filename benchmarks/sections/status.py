"""Statuses per second."""

import time
from collections.abc import Callable
from dataclasses import replace

from benchmarks import sdk
from benchmarks.apart import run_apart
from benchmarks.faults import Broken, NotHere
from benchmarks.load import Load, drive
from benchmarks.report import Row, Table, at_least, median
from benchmarks.session import Server, Session

CLIENTS = (1, 8, 64)
RATE = at_least(1000, "/s")
SHARE = at_least(0.5)
LINES = "i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo a line of the log, number $i; done"
ENDS = ("sh", "-c", LINES)
GOES_ON = ("sh", "-c", f"{LINES}; exec sleep 3600")
PATIENCE = 20.0  # seconds for a job to write its log, and for the leader's first rounds
NOTES = [
    "Kept connections; the load comes from one light process (raw sockets, prepared requests, epoll), which shares "
    "the cores with the server. `generator`: the share of one core that it took. The processor time is the service's.",
    "Both jobs have written 20 lines of log, and are on the same server. Medians of interleaved runs.",
    "SDK: threads over one shared docker.APIClient: inspect_container, then logs(tail=1000), which inspects again.",
]


def measure(session: Session) -> Table:
    """A finished job and one that runs: as processes beside the service, and in containers."""
    table = Table("Statuses per second", notes=list(NOTES))
    with session.fresh("status") as directory, session.server(directory) as server:
        table.rows += _rows(session, server, "process")
    try:
        engine, url = session.container_engine()
    except NotHere as reason:
        table.notes.append(f"Jobs in containers were not measured: {reason}")
        return table

    def ask_engine(jid: str, clients: int) -> Load:
        return run_apart(sdk.ask_status, url, jid, clients, _seconds(session))

    with session.fresh("status") as directory, session.server(directory, engine, url) as server:
        table.rows += _rows(session, server, engine, ask_engine)
    return table


def _rows(
    session: Session, server: Server, engine: str, ask_engine: Callable[[str, int], Load] | None = None
) -> list[Row]:
    ended, active = server.job(ENDS), server.job(GOES_ON)
    server.run(ended, session.tree("tiny").path)
    server.client.submit(active, session.tree("tiny").path)
    _await_log(server, active.jid)
    rows = []
    for clients in CLIENTS:
        session.say(f"statuses of {engine} jobs, {clients} clients")
        finished, running, bare = [], [], []
        for _ in range(session.rounds):
            finished.append(_drive(server, ended.jid, b"finishedSuccessfully", clients, session))
            running.append(_drive(server, active.jid, b'"started"', clients, session))
            if ask_engine:
                bare.append(ask_engine(active.jid, clients))
        rate, share = _rate(running), _rate(running) / _rate(finished)
        who = f"{engine} job, {clients} clients"
        rows.append(Row(f"finished {who}", _told(finished), target=RATE, figure=_rate(finished)))
        rows.append(Row(f"active {who}", _told(running), f"finished {_rate(finished):.0f}/s", share, SHARE))
        sdk_told, times = (f"SDK {_told(bare)}", rate / _rate(bare)) if bare else ("", None)
        rows.append(Row(f"active {who}", f"{rate:.0f}/s", sdk_told, times, RATE, rate))
    server.client.delete(active.jid)
    return rows


def _await_log(server: Server, jid: str) -> None:
    """Wait until the job has written its log, and the records are fresh: then they answer."""
    deadline = time.monotonic() + PATIENCE
    while "number 20" not in (compute := server.client.status(jid))["logs"]:
        if time.monotonic() > deadline or compute["status"] not in ("notStarted", "started"):
            raise Broken(f"the job has not written its log: {compute}")
        time.sleep(0.1)
    time.sleep(PATIENCE / 2)


def _seconds(session: Session) -> float:
    return 1.0 if session.quick else 4.0


def _drive(server: Server, jid: str, expected: bytes, clients: int, session: Session) -> Load:
    request = server.client.request(f"jobs/{jid}/")
    before = server.cpu()
    load = run_apart(drive, server.port, request, expected, clients, _seconds(session))
    return replace(load, server_cpu=server.cpu() - before)


def _rate(loads: list[Load]) -> float:
    return median([load.rate for load in loads])


def _told(loads: list[Load]) -> str:
    """The middle one of some runs."""
    load = sorted(loads, key=lambda load: load.rate)[len(loads) // 2]
    own = f", {load.server_cpu / len(load.seconds) * 1e6:.0f} µs of processor time each" if load.server_cpu else ""
    return f"{load.rate:.0f}/s{own}, {load.latencies()}, generator {load.cpu / load.wall:.0%}"
