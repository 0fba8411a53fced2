"""Memory of all server processes when nothing is asked of them."""

import time

from benchmarks.faults import NotHere
from benchmarks.memory import Memory
from benchmarks.report import Row, Table, at_most, mb
from benchmarks.session import SETTLE, Session

TARGET = at_most(130, " MB")


def measure(session: Session) -> Table:
    """After the start, and after a first job, when everything is loaded that jobs need."""
    notes = ["RSS counts what processes share once for each of them, PSS once in all: that is what the service takes."]
    table = Table("Memory at rest", notes=notes)
    _rows(session, table, "process", "")
    try:
        _rows(session, table, *session.container_engine())
    except NotHere as reason:
        table.notes.append(f"No container engine: {reason}")
    return table


def _rows(session: Session, table: Table, engine: str, url: str) -> None:
    session.say(f"memory at rest, {engine}")
    tiny = session.tree("tiny")
    with session.fresh("rest") as directory, session.server(directory, engine, url) as server:
        table.rows.append(_row(f"{engine}: after the start", server.memory()))
        for _ in range(8):  # both workers get some
            server.run(server.job(), tiny.path)
        time.sleep(SETTLE)
        table.rows.append(_row(f"{engine}: after 8 jobs", server.memory()))


def _row(what: str, memory: Memory) -> Row:
    own = f"RSS {mb(memory.rss)}, PSS {mb(memory.pss)}, biggest process {mb(memory.rss_one)}"
    return Row(what, own, target=TARGET, figure=memory.pss / 1e6)
