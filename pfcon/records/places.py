"""The users' directories that jobs mount, and which of them are in each other's way.

An engine finds a path again after pfcon has checked it: some milliseconds later, or minutes, on another machine. A job
that may write to a directory above it can put a symbolic link in the way meanwhile. So nothing is mounted that lies at
or below a directory which another job may write to, until that one has ended. What no job can write to needs no place:
storeBase itself and ``key-<jid>`` (jobs mount ``incoming`` and ``outgoing`` in it, never itself).

A row stays until it is known that nothing of its job can run any more, which its record alone does not tell: a record
ends when its job is cancelled, while a service process may still be asking the engine to begin it. ``holder`` names
that process. Where it is none, or has died, the engine knows. Nothing is locked for ever: whoever finds a row in the
way looks whether its job has ended, and releases it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, or_, select, text, update
from sqlalchemy.sql import ColumnElement

from pfcon.models import JobId, JobKind
from pfcon.records.lease import owner_lives
from pfcon.records.schema import HEAD, jobs, places, services

# PostgreSQL: held to the end of a transaction that looks at places and adds some; two at once would not see each other.
_LOCK = text("SELECT pg_advisory_xact_lock(7206116, 1)")


@dataclass(frozen=True)
class Place:
    """A directory that a job mounts. ``path`` is relative to storeBase, ``key`` the same for all spellings of it."""

    path: str
    key: str
    writable: bool


@dataclass(frozen=True)
class Held:
    """A place that is in the way of the ``wanted`` one. ``asking``: a living process asks the engine for the job."""

    jid: JobId
    kind: JobKind
    request: str
    asking: bool
    above: bool
    """Whether the job may write to a directory above the wanted one, or to that itself; else it is the other way."""
    wanted: Place


def is_at_or_below(path: str, above: str) -> bool:
    """Compare by components."""
    return path == above or path.startswith(above + "/")


def take_places(connection: Connection, job: Mapping[str, str], wanted: tuple[Place, ...]) -> tuple[Held, ...]:
    """Write down what a job mounts, unless other jobs are in the way: these, and nothing was written.

    ``job``: the columns that all of its rows share. Part of a transaction that has written before: then SQLite, which
    has one writer at a time, shows what all others have written.
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
    """What an index finds: more than is in the way, never less. Heads are compared byte by byte."""
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
    if row["jid"] == jid and row["path"] == wanted.key:  # an earlier try: nobody can replace a directory from within
        return None
    return Held(JobId(row["jid"]), JobKind(row["kind"]), row["request"], owner_lives(row), above, wanted)


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
