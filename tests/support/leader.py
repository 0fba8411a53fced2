"""Which process of a server watches the jobs, as the records have it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, select

from pfcon.records.schema import leader, services

from .live import LiveServer


@contextmanager
def records_of(server: LiveServer) -> Iterator[Engine]:
    """The database of a server's records, opened beside it."""
    url = server.environ.get("PFCON_DATABASE_URL") or f"sqlite:///{server.storebase}/.pfcon/records/records.db"
    engine = create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def leader_pid(records: Engine) -> int | None:
    """The pid of the leader; None without one that lives."""
    query = select(services.c.pid).join(leader, leader.c.holder == services.c.id)
    with records.connect() as connection:
        pid: int | None = connection.execute(query).scalar()
    return pid
