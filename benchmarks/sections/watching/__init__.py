"""What it costs to watch the jobs of an engine, and how soon their ends are recorded."""

from benchmarks.faults import NotHere
from benchmarks.report import Table
from benchmarks.sections.watching import calls, ends, rounds
from benchmarks.session import Session
from benchmarks.watched import ENGINES, watched_server

NOTES = [
    f"calls: requests that pass a relay in front of the engine's socket, or commands of Slurm, while each job is asked "
    f"for every {calls.INTERVAL:g} s, each time on a new connection. Counted after {calls.SETTLE} s of that.",
    "ends: the time of the record's change minus the engine's own time of the end, which Slurm has in whole seconds; "
    "on Kubernetes, minus the time at which the API server showed the end, looked for twice a second. No client asks "
    "for anything; each log is in its record, too.",
    f"round: `JobService.watch` over an engine that only returns texts, of which {rounds.CHANGED} change each time, "
    "until all checks that it begins have asked the engine.",
]


def measure(session: Session) -> Table:
    """All engines that are here, then rounds over very many jobs."""
    table = Table("Watching jobs", notes=list(NOTES))
    for engine in [session.engine] if session.engine else ENGINES:
        try:
            with watched_server(session, engine) as watched:
                session.say(f"ends of jobs on {engine}")
                table.rows.append(ends.measure(watched, engine))
                session.say(f"calls of {engine}")
                table.rows += calls.measure(watched, engine)
        except NotHere as reason:
            table.notes.append(f"{engine} was not measured: {reason}")
    rounds.measure(session, table)
    return table
