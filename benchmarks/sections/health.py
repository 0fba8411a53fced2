"""How long ``health/`` takes to answer while others transfer."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benchmarks.client import send_slowly
from benchmarks.probe import HealthProbe
from benchmarks.report import Row, Table, Target, at_most, mb, ms, percentile
from benchmarks.session import COPY, Server, Session

TARGET = at_most(100, " ms")
SLOW_CLIENTS = 40
SLOW_RATE = 100_000  # bytes per second
APART = 0.25  # seconds
QUIET = 3.0  # seconds
NOTES = [
    "A process of its own asks every 20 ms on a new connection; a slow answer does not keep the next question back. "
    "It shares the cores with the server and the clients.",
    f"The slow clients begin {APART} s apart, as clients do. Where all end at once, 40 jobs start at that moment; no "
    "target speaks of that.",
]


def measure(session: Session) -> Table:
    """At rest, during eight transfers of big trees, and while slow clients upload."""
    table = Table("The longest health/ answer", notes=list(NOTES))
    with session.fresh("health") as directory, session.server(directory) as server:
        session.say("health at rest")
        with HealthProbe(server.port) as probe:
            time.sleep(QUIET)
        table.rows.append(_row("nothing else", probe.seconds, ""))
        table.rows.append(_transfers(session, server))
        table.rows.append(_slow_uploads(session, server, APART))
        table.rows.append(_slow_uploads(session, server, 0.0))
    return table


def _row(what: str, seconds: Sequence[float], rest: str, target: Target | None = TARGET) -> Row:
    longest = max(seconds)
    p50, p99 = percentile(seconds, 50), percentile(seconds, 99)
    own = f"longest {ms(longest)}, p99 {ms(p99)}, p50 {ms(p50)} of {len(seconds)}{rest}"
    return Row(what, own, target=target, figure=longest * 1000)


def _transfers(session: Session, server: Server) -> Row:
    trees = [session.tree(name) for name in ("one1g", "text500m")]
    jobs = [server.job(COPY) for _ in trees]
    for job, tree in zip(jobs, trees, strict=True):
        server.run(job, tree.path)
    uploads = [(server.job(), tree.path) for tree in trees * 2]
    os.sync()
    session.say("health during 8 transfers")
    work: list[Callable[[], object]] = [partial(server.client.submit, *up) for up in uploads]
    work += [partial(server.client.download, job.jid) for job in jobs * 2]
    begun = time.perf_counter()
    with server.watch() as watch:
        seconds = _probe_during(server, work)
    wall = time.perf_counter() - begun
    rest = f"; all in {wall:.1f} s; RSS up to {mb(watch.peak.rss)}, biggest process {mb(watch.peak.rss_one)}"
    return _row("4 uploads and 4 downloads, of one1g and text500m", seconds, rest)


def _slow_uploads(session: Session, server: Server, apart: float) -> Row:
    """``apart``: seconds between two clients' beginnings, and so between their ends."""
    path = session.tree("slow1m").path
    together = "" if apart else ", all ending at once"
    session.say(f"health while {SLOW_CLIENTS} slow clients upload{together}")
    senders = [send_slowly(SLOW_RATE, number * apart) for number in range(SLOW_CLIENTS)]
    work = [partial(server.client.submit, server.job(), path, send) for send in senders]
    with server.watch() as watch:
        seconds = _probe_during(server, work)
    rest = f"; RSS up to {mb(watch.peak.rss)}, biggest process {mb(watch.peak.rss_one)}"
    what = f"{SLOW_CLIENTS} clients upload at {SLOW_RATE // 1000} kB/s{together}"
    return _row(what, seconds, rest, TARGET if apart else None)


def _probe_during(server: Server, work: Sequence[Callable[[], object]]) -> list[float]:
    """Do all at once; every part of it has to succeed."""
    with HealthProbe(server.port) as probe, ThreadPoolExecutor(len(work)) as pool:
        for result in [pool.submit(part) for part in work]:
            result.result()
    return probe.seconds
