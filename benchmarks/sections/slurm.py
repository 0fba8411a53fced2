"""Jobs that reach Slurm per second, beside bare calls of sbatch."""

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from support.slurm import slurm_environ

from benchmarks.apart import run_apart
from benchmarks.faults import Broken, finding
from benchmarks.report import Row, Table, at_least, median
from benchmarks.session import Server, Session

CLIENTS = (1, 8)
TARGET = at_least(0.5)
LATER = "--begin=now+1hour"  # so that what runs does not take the cores from what is submitted
NOTES = [
    "pfcon: POST with a zip of one byte, until the 201; sbatch has answered by then. beside: sbatch alone, with the "
    "same options for time, cores and memory, and a script of one line. Interleaved in rounds. All jobs begin an hour "
    "later, and are removed before.",
]


def measure(session: Session) -> Table:
    """One client, and eight at once. Raises NotHere without a cluster."""
    with finding():
        environ = slurm_environ()
    conf = environ["SLURM_CONF"]
    table = Table("Submissions to Slurm", notes=list(NOTES))
    rounds, size = (2, 20) if session.quick else (4, 50)
    settings = {**environ, "CONTAINER_ENV": "slurm", "SLURM_OPTIONS": LATER}
    with session.fresh("slurm") as directory, session.server(directory, settings=settings) as server:
        try:
            _submit(session, server, 2, 1)  # what is asked of a cluster once is known from now on
            for clients in CLIENTS:
                own, bare = [], []
                for number in range(rounds):
                    session.say(f"submissions to Slurm {clients} at once, {number + 1} of {rounds}")
                    bare.append(run_apart(submit_bare, conf, f"{server.label}-bare", size, clients))
                    own.append(_submit(session, server, size, clients))
                title = f"{rounds * size} trivial jobs, {clients} at once"
                rates = [f"{size / median(seconds):.0f} jobs/s" for seconds in (own, bare)]
                table.rows.append(Row(title, rates[0], f"sbatch {rates[1]}", median(bare) / median(own), TARGET))
        finally:
            cancel_all(conf, server.label)
    return table


def _submit(session: Session, server: Server, count: int, clients: int) -> float:
    path = session.tree("tiny").path
    jobs = [server.job() for _ in range(count)]
    return _timed(lambda number: server.client.submit(jobs[number], path), count, clients)


def submit_bare(conf: str, name: str, count: int, clients: int) -> float:
    """Seconds for so many calls of sbatch."""
    options = ["--time=10", "--ntasks=1", "--cpus-per-task=1", "--mem=300M", "--output=/dev/null", LATER]
    command = ["sbatch", "--parsable", f"--job-name={name}", *options]
    return _timed(lambda _: _run(conf, command, "#!/bin/sh\ntrue\n"), count, clients)


def _timed(act: Callable[[int], object], count: int, clients: int) -> float:
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(act, range(count)))
    return time.perf_counter() - begun


def cancel_all(conf: str, label: str) -> None:
    """End all jobs whose names begin so."""
    listed = [line.split() for line in _run(conf, ["squeue", "--me", "--noheader", "--format=%i %j"]).splitlines()]
    if numbers := [words[0] for words in listed if words[-1].startswith(label)]:
        _run(conf, ["scancel", *numbers])


def _run(conf: str, command: list[str], stdin: str = "") -> str:
    environ = {**os.environ, "SLURM_CONF": conf}
    done = subprocess.run(command, input=stdin, env=environ, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Broken(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout
