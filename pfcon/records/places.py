"""Places: the users' directories that jobs mount, and the conflicts between them.

pfcon checks a path; the engine resolves it again milliseconds or minutes later, perhaps on another machine. Meanwhile a
job that may write to a parent directory can replace a part of the path by a symbolic link. So a path is not mounted
while another job may write to it or to one of its parents. Directories that no job can write to need no place:
storeBase itself and ``key-<jid>`` (jobs mount only ``incoming`` and ``outgoing`` in it).

A row is kept until nothing of its job can run any more. The job's record does not show that: it ends when the job is
cancelled, while a service process may still be asking the engine to start the job. ``holder`` names that process. When
there is no holder, or it is dead, the engine's state decides. No place is locked forever: a process that finds a
conflicting row checks whether its job has ended, and then releases it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, or_, select, text, update
from sqlalchemy.sql import ColumnElement

from pfcon.models import JobId, JobKind
from pfcon.records.lease import owner_is_alive
from pfcon.records.schema import HEAD, jobs, places, services

# PostgreSQL: locked to the end of a transaction that reads and adds places; concurrent ones would not see each other.
_LOCK = text("SELECT pg_advisory_xact_lock(7206116, 1)")


@dataclass(frozen=True)
class Place:
    """A directory that a job mounts. path: relative to storeBase. key: equal for all spellings (pfcon.spelling)."""

    path: str
    key: str
    writable: bool


@dataclass(frozen=True)
class Held:
    """A place that conflicts with the ``wanted`` one. asking: a living process is asking the engine for its job."""

    jid: JobId
    kind: JobKind
    request: str
    asking: bool
    above: bool
    """True: the job may write to the wanted directory or a parent of it. False: its place is below the wanted one."""
    wanted: Place


def is_at_or_below(path: str, above: str) -> bool:
    """Whether ``path`` is ``above`` or lies in it, compared by path components."""
    return path == above or path.startswith(above + "/")


def take_places(connection: Connection, job: Mapping[str, str], wanted: tuple[Place, ...]) -> tuple[Held, ...]:
    """Write the places of a job. When places of other jobs conflict, write nothing and return these; else return ().

    job: the columns that all of its rows share. The transaction must have written before: then SQLite, which has one
    writer at a time, shows what all others have written.
    """
    if not wanted:
        return ()
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    found = _in_the_way(connection, job, wanted)
    if not found:
        rows = [{**job, "head": p.key[:HEAD], "path": p.key, "writable": p.writable} for p in wanted]
        connection.execute(insert(places), rows)
    return found


def _in_the_way(connection: Connection, job: Mapping[str, str], wanted: tuple[Place, ...]) -> tuple[Held, ...]:
    near = or_(*(_near(place) for place in wanted))
    rows = connection.execute(_SELECT.where(near, places.c.request != job["request"])).mappings()
    return tuple(held for row in rows for place in wanted if (held := _held(row, place, job["jid"])) is not None)


def _near(place: Place) -> ColumnElement[bool]:
    """A condition that an index can use. It matches all conflicting places and some others. Compares bytes of heads."""
    above = {place.key[:end][:HEAD] for end, letter in enumerate(place.key) if letter == "/"} | {place.key[:HEAD]}
    found: ColumnElement[bool] = places.c.head.in_(sorted(above))
    if place.writable and len(place.key) < HEAD:
        found = or_(found, and_(places.c.head >= place.key + "/", places.c.head < place.key + "0"))  # "0" follows "/"
    return found


def _held(row: Mapping[Any, Any], wanted: Place, jid: str) -> Held | None:
    above = row["writable"] and is_at_or_below(wanted.key, row["path"])
    below = wanted.writable and is_at_or_below(row["path"], wanted.key)
    if not (above or below):
        return None
    if row["jid"] == jid and row["path"] == wanted.key:  # an earlier attempt: a job can't replace its own mount
        return None
    return Held(JobId(row["jid"]), JobKind(row["kind"]), row["request"], owner_is_alive(row), above, wanted)


# Statements are built once: see journal.py.
_SELECT = select(places, services.c.expires_at, services.c.host, services.c.pid, services.c.started).outerjoin(
    services, services.c.id == places.c.holder
)
_OF_REQUEST = places.c.request == bindparam("of_request")
_OF_JOB = and_(places.c.jid == bindparam("of_jid"), places.c.kind == bindparam("of_kind"))
HOLD = update(places).where(_OF_REQUEST).values(holder=bindparam("new_holder"))
HELD_BY = select(places.c.request).where(places.c.holder == bindparam("of_holder")).distinct()
SETTLE = update(places).where(_OF_REQUEST).values(holder=None)
RELEASE = delete(places).where(_OF_REQUEST)
_OWNER = select(jobs.c.owner).where(
    jobs.c.jid == bindparam("of_jid"), jobs.c.kind == bindparam("of_kind"), jobs.c.claim == bindparam("of_claim")
)
DROP = update(places).where(_OF_JOB, places.c.holder == _OWNER.scalar_subquery()).values(holder=None)
RELEASE_ENDED = delete(places).where(_OF_JOB, places.c.holder.is_(None))
RELEASE_JOBLESS = delete(places).where(~exists().where(jobs.c.jid == places.c.jid, jobs.c.kind == places.c.kind))


def settle_ended(connection: Connection, holder: str, works_on: Callable[[str], bool]) -> None:
    """Clear the holder of the attempts that name a process which no longer works on them.

    works_on: whether the process works on a ``request_id``.
    """
    for request in connection.execute(HELD_BY, {"of_holder": holder}).scalars().all():
        if not works_on(request):
            connection.execute(SETTLE, {"of_request": request})
