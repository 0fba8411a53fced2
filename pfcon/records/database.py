"""The connection to the journal's database."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, ProgrammingError, SQLAlchemyError

from pfcon.errors import Unreachable
from pfcon.records.faults import translating_errors
from pfcon.records.versions import bring_up_to_date

# When PostgreSQL or the network stops to respond, the connection fails soon and is opened again: by default, TCP would
# retransmit for a quarter of an hour. See "Parameter Key Words" in libpq's manual.
POSTGRESQL_PATIENCE = {
    "connect_timeout": 10,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds until sent data must be acknowledged
    "keepalives_idle": 5,  # seconds without traffic until the first probe
    "keepalives_interval": 2,  # seconds between probes
    "keepalives_count": 3,
}
# A process that is stopped or swapped out within a transaction, or whose host is lost, would hold its locks for good,
# and all services wait for the one of the events' counter. See "Client Connection Defaults" in PostgreSQL's manual. A
# statement sets these: PgBouncer refuses them as parameters of a connection.
POSTGRESQL_SESSION = {
    "idle_in_transaction_session_timeout": "15s",  # without a statement, until the transaction is rolled back
    "lock_timeout": "30s",
    "tcp_keepalives_idle": "5",  # seconds; these three are as those of the client above
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
FILE_NAME = "records.db"  # of SQLite
EXAMPLE = "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
ADVICE = "use postgresql+psycopg://, and install pfcon's extra `postgresql` (docs/installation.md)"
LOCK_TIMEOUT = 30  # seconds that a writer waits for another one (SQLite)
EMPTY_LOG = "PRAGMA wal_checkpoint(TRUNCATE)"
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "fuse.glusterfs", "fuse.sshfs", "ceph", "lustre", "9p"}
)


class UnusableUrl(Unreachable):
    """PFCON_DATABASE_URL can't be used until an administrator corrects it, or installs what it needs."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"PFCON_DATABASE_URL: {reason}")


def connect(url: str | None, directory: Path, *, truncate_log: bool = False) -> Engine:
    """Return an SQLAlchemy engine for the journal, whose tables are brought up to date. Opens a connection.

    url: None means SQLite in ``directory``. truncate_log: try to empty SQLite's write-ahead log. Only the start
    of the service should, because writers wait meanwhile. Raises Unreachable, UnusableUrl, Damaged, NewerSchema,
    StorageFull.
    """
    if url is None:
        url = f"sqlite:///{directory / FILE_NAME}"
    sqlite = url.startswith("sqlite")
    engine = _make_engine(url, sqlite=sqlite)
    set_up = _sqlite_pragmas(_file_system(directory) in NETWORK_FILE_SYSTEMS) if sqlite else _set_session
    event.listen(engine, "connect", set_up)
    try:
        with translating_errors(), _telling_options():
            bring_up_to_date(engine)
        if sqlite and truncate_log:
            _empty_log(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def opened(url: str | None, directory: Path) -> Iterator[Engine]:
    """A context with the engine of ``connect``. Raises as ``connect``."""
    engine = connect(url, directory)
    try:
        yield engine
    finally:
        engine.dispose()


def _make_engine(url: str, *, sqlite: bool) -> Engine:
    """Return an SQLAlchemy engine, without a connection. Raises UnusableUrl. No message has the URL: it is a secret."""
    connect_args = {"timeout": LOCK_TIMEOUT} if sqlite else POSTGRESQL_PATIENCE
    # Errors end up in the log, and the parameters of a statement have commands and logs of jobs.
    options: dict[str, Any] = {"connect_args": connect_args, "pool_pre_ping": not sqlite, "hide_parameters": True}
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: of the port
        raise UnusableUrl("this is no URL of a database; an example: " + EXAMPLE) from None
    try:
        return create_engine(parsed, pool_size=8, max_overflow=120, pool_timeout=LOCK_TIMEOUT, **options)
    except NoSuchModuleError:
        raise UnusableUrl(f"SQLAlchemy knows no driver {parsed.get_driver_name()!r}: {ADVICE}") from None
    except ImportError as error:
        reason = str(error).partition("\n")[0]
        raise UnusableUrl(f"its driver {parsed.get_driver_name()} is not installed ({reason}): {ADVICE}") from error


@contextmanager
def _telling_options() -> Iterator[None]:
    """A context that translates the driver's refusal of the URL's options, before there is a connection."""
    try:
        yield
    except ProgrammingError as error:
        if error.statement is not None:
            raise
        raise UnusableUrl(f"the driver does not accept it: {str(error.orig).strip()}") from error


def has_file(directory: Path) -> bool:
    """Whether SQLite's file exists in a directory. Raises OSError."""
    return (directory / FILE_NAME).is_file()


def _set_session(connection: Any, _record: Any) -> None:
    """Set POSTGRESQL_SESSION, except what the URL sets by its ``options``."""
    cursor = connection.cursor()
    cursor.execute(
        "SELECT set_config(name, wanted, false) FROM pg_settings"
        " JOIN unnest(%s::text[], %s::text[]) AS session (name, wanted) USING (name) WHERE source <> 'client'",
        (list(POSTGRESQL_SESSION), list(POSTGRESQL_SESSION.values())),
    )
    cursor.close()
    connection.commit()


def _empty_log(engine: Engine) -> None:
    """Truncate SQLite's write-ahead log: earlier releases stored environments of jobs in rows, and it may contain them.

    While another process reads or writes, it can't be truncated, and this does not wait for it: the next start of the
    service tries again.
    """
    with suppress(SQLAlchemyError), engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
        try:
            connection.exec_driver_sql(EMPTY_LOG)  # its result tells a busy database
        finally:
            connection.invalidate()  # so that no later transaction has this timeout


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
