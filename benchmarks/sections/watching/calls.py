"""Calls of an engine per second, while clients poll many active jobs."""

import os
import signal
from collections import Counter

from benchmarks.apart import run_apart
from benchmarks.polling import poll_all
from benchmarks.report import Row, at_most, ms, percentile
from benchmarks.sections.watching import ends
from benchmarks.watched import WatchedServer, require_all

TARGET = at_most(1, "/s")
QUICK_COUNT = 20
INTERVAL = 5.0  # seconds between two polls of a job
SETTLE = 20  # seconds of polling that are not counted
TAKEOVER = 30.0  # seconds
SECONDS, QUICK_SECONDS = 60.0, 20.0
START = 60.0  # seconds for jobs to start; those without a core wait on
CPU = "10"  # millicores of each job: the least that Docker accepts
GOES_ON = "echo a line of the log; exec sleep 3600"


def measure(watched: WatchedServer, engine: str) -> list[Row]:
    """A row while nothing happens, one after the leader was killed, and one for ends of others if these can run."""
    quick = watched.session.quick
    count, seconds = (QUICK_COUNT, QUICK_SECONDS) if quick else (watched.most, SECONDS)
    jids = watched.submit([GOES_ON] * count, CPU)
    rows = watched.await_rows(lambda rows: _running(rows) == count, START)
    running = _running(require_all([row for row in rows if row["phase"] != "final"], jids, "scheduled"))
    client = watched.server.client
    requests = [client.lone_request(f"jobs/{jid}/") for jid in jids]
    _counted(watched, requests, SETTLE)
    made, answers = _counted(watched, requests, seconds)
    os.kill(watched.leader(), signal.SIGKILL)
    after, later_answers = _counted(watched, requests, TAKEOVER)
    beside = [ends.measure(watched, engine, count)] if running == count and watched.has_room else []
    watched.remove(jids)
    title = f"{engine}: {count} active jobs, of which {running} run, each polled every {INTERVAL:g} s"
    rate = made.total() / seconds
    own = f"{rate:.2f} calls/s ({_kinds(made)}); answers {_told(answers)}"
    then = f"{after.total()} calls ({_kinds(after)}); answers {_told(later_answers)}"
    return [
        Row(title, own, target=TARGET, figure=rate),
        Row(f"{engine}: the same, in the {TAKEOVER:g} s after the leader was killed", then),
        *beside,
    ]


def _counted(watched: WatchedServer, requests: list[bytes], seconds: float) -> tuple["Counter[str]", list[float]]:
    before = watched.calls.counts()
    answers = run_apart(poll_all, watched.server.port, requests, INTERVAL, seconds)
    return watched.calls.counts() - before, answers


def _told(answers: list[float]) -> str:
    return f"p50 {ms(percentile(answers, 50))}, p99 {ms(percentile(answers, 99))}, at most {ms(max(answers))}"


def _running(rows: list[dict[str, str]]) -> int:
    return sum(row["phase"] == "scheduled" and row["status"] == "started" for row in rows)


def _kinds(made: "Counter[str]") -> str:
    return ", ".join(f"{number} {kind}" for kind, number in made.most_common()) or "none"
