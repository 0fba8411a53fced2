"""Calls of an engine per second, while clients poll many active jobs."""

from collections import Counter

from benchmarks.apart import run_apart
from benchmarks.polling import poll_all
from benchmarks.report import Row, at_most, ms, percentile
from benchmarks.watched import WatchedServer, require_all

TARGET = at_most(1, "/s")
QUICK_COUNT = 20
INTERVAL = 5.0  # seconds between two polls of a job
SETTLE = 20  # seconds of polling that are not counted
SECONDS, QUICK_SECONDS = 60.0, 20.0
START = 60.0  # seconds for jobs to start; those without a core wait on
CPU = "10"  # millicores of each job: the least that Docker accepts
GOES_ON = "echo a line of the log; exec sleep 3600"


def measure(watched: WatchedServer, engine: str) -> Row:
    """One row."""
    quick = watched.session.quick
    count, seconds = (QUICK_COUNT, QUICK_SECONDS) if quick else (watched.most, SECONDS)
    jids = watched.submit([GOES_ON] * count, CPU)
    rows = watched.await_rows(lambda rows: _running(rows) == count, START)
    running = _running(require_all([row for row in rows if row["phase"] != "final"], jids, "scheduled"))
    port, client = watched.server.port, watched.server.client
    requests = [client.lone_request(f"jobs/{jid}/") for jid in jids]
    run_apart(poll_all, port, requests, INTERVAL, SETTLE)
    before = watched.calls.counts()
    answers = run_apart(poll_all, port, requests, INTERVAL, seconds)
    made = watched.calls.counts() - before
    watched.remove(jids)
    title = f"{engine}: {count} active jobs, of which {running} run, each polled every {INTERVAL:g} s"
    rate = made.total() / seconds
    own = f"{rate:.2f} calls/s ({_kinds(made)}); answers p50 {ms(percentile(answers, 50))}, "
    return Row(title, f"{own}p99 {ms(percentile(answers, 99))}", target=TARGET, figure=rate)


def _running(rows: list[dict[str, str]]) -> int:
    return sum(row["phase"] == "scheduled" and row["status"] == "started" for row in rows)


def _kinds(made: "Counter[str]") -> str:
    return ", ".join(f"{number} {kind}" for kind, number in made.most_common()) or "none"
