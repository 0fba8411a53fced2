"""Seconds from the end of a job to its record."""

import random

from benchmarks.faults import Broken
from benchmarks.report import Row, at_most, median
from benchmarks.watched import WatchedServer, require_all

TARGET = at_most(5, " s")
COUNT, QUICK_COUNT = 30, 5
LONGEST, QUICK_LONGEST = 60, 15  # seconds that a job takes
PATIENCE = 300.0  # seconds after which the last job must have ended
CPU = "20"  # millicores of each job
LAST_LINE = "the last line of the log"


def measure(watched: WatchedServer, engine: str, others: int = 0) -> Row:
    """One row. others: how many jobs run all the time."""
    quick = watched.session.quick
    count, longest = (QUICK_COUNT, QUICK_LONGEST) if quick else (COUNT, LONGEST)
    rng = random.Random(1)
    scripts = [f"sleep {rng.uniform(1, longest):.2f}; echo {LAST_LINE}" for _ in range(count)]
    with watched.ends() as seen:
        jids = watched.submit(scripts, CPU)
        rows = watched.await_rows(
            lambda rows: all(row["phase"] == "final" for row in rows if row["jid"] in set(jids)), longest + PATIENCE
        )
    ended = require_all(rows, jids, "final")
    for row in ended:
        if row["status"] != "finishedSuccessfully" or LAST_LINE not in row["logs"]:
            raise Broken(f"a job failed, or its log is not recorded: {row}")
    lags = [row["changed_at"] - seen.get(row["jid"], row["finished_at"]) for row in ended]
    beside = f" beside {others} that run on" if others else ""
    title = f"{engine}: ends of {count} jobs within {longest} s{beside}, until they are recorded"
    watched.remove(jids)
    return Row(title, f"median {median(lags):.1f} s, at most {max(lags):.1f} s", target=TARGET, figure=max(lags))
