"""How long ``health/`` takes to answer while the logs of many jobs are followed."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.faults import Broken
from benchmarks.followers import Followers
from benchmarks.memory import group
from benchmarks.probe import HealthProbe
from benchmarks.report import Row, Table, Target, at_most, ms, percentile
from benchmarks.session import Server, Session

TARGET = at_most(50, " ms")
JOBS = 50
FOLLOWERS = 4  # of each job
PERIOD = 2  # seconds between two lines of a job
SECONDS = 30.0
SETTLE = 3.0  # seconds
AT_ONCE = 8  # jobs that are submitted, and removed
SCRIPT = f"while :; do date '+at %s.%N'; sleep {PERIOD}; done"


def measure(session: Session) -> Table:
    """Without followers and with them, on the same server and jobs."""
    jobs, seconds = (JOBS // 5, SECONDS / 3) if session.quick else (JOBS, SECONDS)
    table = Table("Followers of logs", notes=[f"Each of {jobs} jobs writes a line every {PERIOD} s."])
    path = session.tree("tiny").path
    with session.fresh("followers") as directory, session.server(directory) as server:
        made = [server.job(("sh", "-c", SCRIPT)) for _ in range(jobs)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda job: server.client.submit(job, path), made))
            time.sleep(SETTLE)
            requests = [server.client.request(f"jobs/{job.jid}/logs/?follow") for job in made for _ in range(FOLLOWERS)]
            session.say("health without followers")
            table.rows.append(_row(server, "no followers", seconds, None))
            session.say(f"health with {len(requests)} followers")
            with Followers(server.port, requests) as followers:
                time.sleep(SETTLE)
                followers.clear()
                table.rows.append(_row(server, f"{len(requests)} followers", seconds, TARGET))
                delays = list(followers.delays)
            if followers.ended or not delays:
                raise Broken(f"{followers.ended} of {len(requests)} streams have ended; {len(delays)} lines came")
            text = f"p50 {percentile(delays, 50):.2f} s, p99 {percentile(delays, 99):.2f} s of {len(delays)}"
            table.rows.append(Row("from a line's writing to its arrival", text))
            list(pool.map(lambda job: server.client.delete(job.jid), made))
    return table


def _row(server: Server, what: str, seconds: float, target: Target | None) -> Row:
    cpu, begun = server.cpu(), time.perf_counter()
    with HealthProbe(server.port) as probe:
        time.sleep(seconds)
    share = (server.cpu() - cpu) / (time.perf_counter() - begun)
    threads = max(len(os.listdir(f"/proc/{pid}/task")) for pid in group(server.leader))
    longest = max(probe.seconds)
    p50, p99 = percentile(probe.seconds, 50), percentile(probe.seconds, 99)
    own = f"health/: longest {ms(longest)}, p99 {ms(p99)}, p50 {ms(p50)} of {len(probe.seconds)}"
    own += f"; {share:.0%} of a core; at most {threads} threads in a process"
    return Row(what, own, target=target, figure=longest * 1000)
