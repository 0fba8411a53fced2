"""A service of its own, with all that can be taken away from it."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy
from support.engines import docker_url, postgresql_url
from support.live import LiveServer
from support.relay import Relay
from support.tcp_relay import TcpRelay
from support.user_objects import OBJECT_STORES, UserObjects, url_of

from pfcon.testing.waiting import eventually

from .options import Options
from .store import StoreRelay, UsersStore

DISK = 256  # MiB
MIB = 1 << 20
CLOCK = Path(__file__).with_name("clock.c")


@dataclass
class Site:
    """``disk`` is a small file system where one can be mounted. ``clock``: a file that says how wrong the clock is.

    ``database``, ``engine``, ``store``: what the service reaches through relays. ``users``: their data, where these
    are in an object store. ``killed``: the names of jobs that were killed while they ran, on their engine.
    ``was_full``: somebody has filled the disk in this round.
    """

    options: Options
    root: Path
    disk: Path
    server: LiveServer
    small_disk: bool
    clock: Path | None = None
    database: TcpRelay | None = None
    engine: Relay | None = None
    store: StoreRelay | None = None
    users: UsersStore | None = None
    killed: set[str] = field(default_factory=set)
    was_full: bool = False

    @property
    def storebase(self) -> Path:
        """The service's."""
        return self.server.storebase

    @property
    def marks(self) -> Path:
        """Where jobs that are processes of this machine leave marks, out of the service's reach."""
        return self.root / "marks"

    def leftovers(self) -> list[str]:
        """What jobs have left in storeBase, which must be nothing once all were deleted."""
        private = self.storebase / ".pfcon"
        kept = [path for name in ("trash", "spool", "process", "environments") for path in _entries(private / name)]
        return [str(path.relative_to(self.storebase)) for path in [*self.storebase.glob("key-*"), *kept]]


def is_unborn(name: str) -> bool:
    """Whether a leftover is of a start that a kill cut off: the engine removes it when it is used a minute later."""
    return name.startswith(".pfcon/process/.tmp-")


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


@contextlib.contextmanager
def open_site(options: Options) -> Iterator[Site]:
    """Start it; everything goes at the end, unless it is to be kept."""
    root = Path(tempfile.mkdtemp(prefix="pfcon-rounds-"))
    root.chmod(0o755)
    with ExitStack() as stack:
        if not options.keep:
            stack.callback(shutil.rmtree, root, ignore_errors=True)
        disk, marks = root / "disk", root / "marks"
        disk.mkdir()
        marks.mkdir()
        small = _mount(stack, disk, keep=options.keep)
        storebase = disk / "storeBase"
        storebase.mkdir()
        environ = {"PFCON_MIN_FREE_BYTES": "4 MiB", "CONTAINER_ENV": options.engine}
        if options.storage != "zipfile":
            environ |= {"PFCON_INNETWORK": "true", "STORAGE_ENV": options.storage}
        site = Site(options, root, disk, LiveServer(storebase, environ, shows_log=False), small)
        if options.storage in OBJECT_STORES:
            site.store, site.users = _store(stack, options.storage, environ)
        if options.engine == "docker":
            site.engine = stack.enter_context(Relay(docker_url(), root / "docker.sock"))
            environ["DOCKER_HOST"] = site.engine.url
        if options.database == "postgresql":
            site.database, environ["PFCON_DATABASE_URL"] = _database(stack)
        if library := _wrong_clock(root):
            site.clock = root / "clock"
            site.clock.write_text("0")
            environ |= {"LD_PRELOAD": str(library), "CLOCK_FILE": str(site.clock)}
        stack.enter_context(site.server)
        yield site


def _mount(stack: ExitStack, disk: Path, *, keep: bool) -> bool:
    if os.geteuid() != 0:
        return False
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m,mode=755", "none", str(disk)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        return False
    if not keep:
        stack.callback(lambda: eventually(lambda: subprocess.run(["umount", disk], check=False).returncode == 0))
    return True


def _wrong_clock(root: Path) -> Path | None:
    """A library that makes a program's clock wrong; None where there is no compiler for it."""
    library = root / "clock.so"
    if not shutil.which("cc"):
        return None
    subprocess.run(["cc", "-O2", "-fPIC", "-shared", "-o", library, CLOCK], check=True)
    return library


def _store(stack: ExitStack, storage: str, environ: dict[str, str]) -> tuple[StoreRelay, UsersStore]:
    """A fresh container of the store that the environment names, and a relay, which is what the service is set to."""
    users = UserObjects(storage, url_of(storage))
    address = urlsplit(users.url)
    relay = StoreRelay(f"tcp://{address.hostname}:{address.port or 80}")
    environ |= replace(users, url=address._replace(netloc=relay.url).geturl()).environ
    return stack.enter_context(relay), stack.enter_context(UsersStore(users))


def _database(stack: ExitStack) -> tuple[TcpRelay, str]:
    """A fresh database behind a relay, and its URL there."""
    url = sqlalchemy.make_url(postgresql_url())
    name = f"pfcon_rounds_{uuid.uuid4().hex[:8]}"
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    stack.callback(engine.dispose)

    def run(statement: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    run(f"CREATE DATABASE {name}")
    stack.callback(run, f"DROP DATABASE {name} WITH (FORCE)")
    relay = stack.enter_context(TcpRelay(f"tcp://{url.host}:{url.port or 5432}"))
    return relay, url.set(host="127.0.0.1", port=relay.port, database=name).render_as_string(hide_password=False)
