"""The journal's tables, and the connection to their database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError, TimeoutError

from pfcon.errors import StorageFull, Unreachable

# When PostgreSQL or the network stops to respond, the connection fails soon and is opened again: by default, TCP would
# retransmit for a quarter of an hour. See "Parameter Key Words" in libpq's manual.
POSTGRESQL_PATIENCE = {
    "connect_timeout": 10,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds until sent data must be acknowledged
    "keepalives_idle": 5,  # seconds without traffic until the first probe
    "keepalives_interval": 2,  # seconds between probes
    "keepalives_count": 3,
}
LOCK_TIMEOUT = 30  # seconds that a writer waits for another one (SQLite)
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "fuse.glusterfs", "fuse.sshfs", "ceph", "lustre", "9p"}
)
_FULL = ("disk is full", "no space left on device")  # messages of SQLite, and of PostgreSQL by strerror(3)
_DAMAGED = ("malformed", "is not a database", "unsupported file format")  # messages of SQLite

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("jid", String(128), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("claim", String(32), nullable=False),  # new with every owner: a condition of all updates
    Column("owner", String(32)),  # the service process that acts on the job now, or NULL
    Column("phase", String(10), nullable=False),
    Column("request", String(64), nullable=False),
    Column("spec", Text, nullable=False, default=""),
    Column("status", String(24), nullable=False),
    Column("message", Text, nullable=False, default=""),
    Column("logs", Text, nullable=False, default=""),
    Column("finished_at", Float),  # seconds since the epoch
    Column("nfiles", Integer, nullable=False, default=0),
    Column("notes", Text, nullable=False, default=""),  # lines: which inputs were left out, and why
    Column("with_data", Boolean, nullable=False, default=True),  # whether the removal deletes the job's data, too
    Column("changed_at", Float, nullable=False),
    Index("jobs_by_phase", "phase"),
)

HEAD = 400  # characters of a path that are indexed: at most 1600 bytes; PostgreSQL's limit is 2704

places = Table(  # see places.py
    "places",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("jid", String(128), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("request", String(128), nullable=False),  # one attempt of a job: see request_id
    Column("holder", String(32)),  # the service process that is asking the engine for the job, or NULL
    Column("head", String(HEAD).with_variant(String(HEAD, collation="C"), "postgresql"), nullable=False),
    Column("path", Text, nullable=False),
    Column("writable", Boolean, nullable=False),
    Index("places_by_head", "head"),
    Index("places_by_job", "jid", "kind"),
    Index("places_by_request", "request"),
)

services = Table(
    "services",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("expires_at", Float, nullable=False),
    Column("host", String(100), nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started", BigInteger, nullable=False),
)


def connect(url: str | None, directory: Path) -> Engine:
    """Return an SQLAlchemy engine for the journal; missing tables are created. url: None means SQLite in ``directory``.

    Raises Unreachable, StorageFull.
    """
    if url is None:
        url = f"sqlite:///{directory / 'records.db'}"
    sqlite = make_url(url).get_backend_name() == "sqlite"
    options: dict[str, Any] = {"connect_args": {"timeout": LOCK_TIMEOUT}} if sqlite else {"pool_pre_ping": True}
    if url.startswith("postgresql"):
        options["connect_args"] = POSTGRESQL_PATIENCE
    engine = create_engine(url, pool_size=8, max_overflow=120, pool_timeout=LOCK_TIMEOUT, **options)
    if sqlite:
        event.listen(engine, "connect", _sqlite_pragmas(_file_system(directory) in NETWORK_FILE_SYSTEMS))
    with translating_errors():
        _create_tables(engine)
        if sqlite:
            _empty_log(engine)
    return engine


def _empty_log(engine: Engine) -> None:
    """Truncate SQLite's write-ahead log: earlier releases stored environments of jobs in rows, and it may contain them.

    While another process reads, it can't be truncated; the next start of the service tries again.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _create_tables(engine: Engine) -> None:
    """Create missing tables. When several processes do so at the same time, those that fail try again."""
    for attempt in range(5):
        try:
            metadata.create_all(engine)
            return
        except (OperationalError, IntegrityError, DBAPIError) as error:
            if attempt == 4 or not any(text in str(error).lower() for text in ("exist", "unique", "locked")):
                raise
            time.sleep(0.1 * (attempt + 1))


class Damaged(Unreachable):
    """The database can't be read until an administrator repairs it."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the database of pfcon's records is damaged ({reason}): stop pfcon, then restore it, or move its "
            "file away together with those that end in -wal and -shm, and start pfcon again; jobs that are still on "
            "their engine are found there by their names"
        )


@contextmanager
def translating_errors() -> Iterator[None]:
    """A context that translates SQLAlchemy's errors: to StorageFull, Damaged, or else Unreachable."""
    try:
        yield
    except (IntegrityError, ProgrammingError, DataError):
        raise  # the statement is wrong, not the database
    except (DBAPIError, TimeoutError) as error:
        reason = (str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines() or [""])[0]
        if any(text in reason.lower() for text in _FULL):
            raise StorageFull(f"the database of pfcon's records is full: {reason}") from error
        if any(text in reason.lower() for text in _DAMAGED):
            raise Damaged(reason) from error
        raise Unreachable(f"the database of pfcon's records does not answer: {reason}") from error
    except UnicodeDecodeError as error:  # sqlite3 also raises it for its own error messages
        raise Damaged("it contains invalid text") from error


def _sqlite_pragmas(network: bool) -> Any:
    # A write-ahead log needs shared memory, so all processes must be on one host (sqlite.org/wal.html).
    journal_mode = "DELETE" if network else "WAL"

    def set_pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA journal_mode={journal_mode}")
        cursor.execute("PRAGMA synchronous=NORMAL")
        # A job's environment must not stay in free pages. SQLite's default is OFF, Debian's is ON.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.close()

    return set_pragmas


def _file_system(path: Path) -> str:
    """Return the type of the file system of ``path`` by proc(5) mounts; ``""`` when that can't be read."""
    best, kind = "", ""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    target = str(path.resolve()) + "/"
    for line in lines:
        mounted, found = line.split(" ")[1:3]
        prefix = mounted.replace("\\040", " ").rstrip("/") + "/"
        if target.startswith(prefix) and len(prefix) >= len(best):
            best, kind = prefix, found
    return kind
