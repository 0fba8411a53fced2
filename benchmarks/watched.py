"""Services with one job after the other on each engine that is here, whose calls are counted."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from support import engines
from support.slurm import slurm_environ

from benchmarks import sdk
from benchmarks.client import Job
from benchmarks.cluster import counted_cluster
from benchmarks.counting import Calls, CountedCommands, CountingRelay
from benchmarks.faults import Broken, NotHere, finding
from benchmarks.sections.slurm import cancel_all
from benchmarks.session import Server, Session
from pfcon.records.database import FILE_NAME

MEMORY = "50"  # MiB of each job
PODS = 60  # a node takes 110, also from others
LOOK = 1.0  # seconds between two looks at the records
PATIENCE = 30.0  # seconds for a writer of SQLite
AT_ONCE = 8  # jobs that are submitted, and removed


@contextmanager
def nothing_seen() -> Iterator[Mapping[str, float]]:
    """See WatchedServer.ends."""
    yield {}


@dataclass
class WatchedServer:
    """A server, and the calls of its engine.

    most: active jobs that it should get. has_room: whether others can run beside these. ends: begins to note when the
    engine shows the end of each job; without it, the engine's own times are used.
    """

    server: Server
    calls: Calls
    session: Session
    most: int = 300
    has_room: bool = True
    ends: Callable[[], AbstractContextManager[Mapping[str, float]]] = nothing_seen

    def submit(self, scripts: Sequence[str], cpu: str) -> list[str]:
        """Submit a job for each shell script; their jids. cpu: in millicores."""
        path = self.session.tree("tiny").path
        made = [replace(self.server.job(("sh", "-c", script)), cpu=cpu, memory=MEMORY) for script in scripts]

        def post(job: Job) -> str:
            self.server.client.submit(job, path)
            return job.jid

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(post, made))

    def remove(self, jids: Sequence[str]) -> None:
        """Remove jobs."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self.server.client.delete, jids))

    def rows(self) -> list[dict[str, Any]]:
        """The records of all jobs."""
        return self._read("SELECT jid, phase, status, logs, finished_at, changed_at FROM jobs")

    def leader(self) -> int:
        """The process that watches the jobs."""
        (row,) = self._read("SELECT pid FROM services JOIN leader ON leader.holder = services.id")
        return int(row["pid"])

    def _read(self, query: str) -> list[dict[str, Any]]:
        """Read the records beside the server, which does not notice that."""
        path = self.server.storebase / ".pfcon" / "records" / FILE_NAME
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    def await_rows(self, enough: Callable[[list[dict[str, Any]]], bool], patience: float) -> list[dict[str, Any]]:
        """Wait until the records are as wanted, or for ``patience`` seconds; the last ones."""
        deadline = time.monotonic() + patience
        while not enough(rows := self.rows()) and time.monotonic() < deadline:
            time.sleep(LOOK)
        return rows


@contextmanager
def watched_server(session: Session, engine: str) -> Iterator[WatchedServer]:
    """One with the defaults. Raises NotHere without the engine."""
    with session.fresh(f"watching-{engine}") as directory, finding(), _OPENERS[engine](session, directory) as watched:
        yield watched


@contextmanager
def _on_slurm(session: Session, directory: Path) -> Iterator[WatchedServer]:
    environ, commands = slurm_environ(), CountedCommands(directory)
    settings = {**environ, "CONTAINER_ENV": "slurm", "PATH": commands.path}
    with session.server(directory, settings=settings) as server:
        try:
            yield WatchedServer(server, commands, session, has_room=False)
        finally:
            cancel_all(environ["SLURM_CONF"], server.label)


@contextmanager
def _on_kubernetes(session: Session, directory: Path) -> Iterator[WatchedServer]:
    with (
        counted_cluster(directory) as cluster,
        session.server(directory, settings=cluster.settings) as server,
    ):
        yield WatchedServer(server, cluster.relay, session, most=PODS, ends=cluster.ends)


@contextmanager
def _on_socket(session: Session, directory: Path, engine: str, url: str) -> Iterator[WatchedServer]:
    if not url.startswith("unix://"):
        raise NotHere(f"only requests to a Unix socket are counted, not those to {url}")
    with (
        CountingRelay(url, directory / "engine.sock") as relay,
        session.server(directory, engine, relay.url) as server,
    ):
        yield WatchedServer(server, relay, session)


@contextmanager
def _on_swarm(session: Session, directory: Path) -> Iterator[WatchedServer]:
    url = engines.swarm_url()
    with _on_socket(session, directory, "swarm", url) as watched:
        try:
            yield replace(watched, has_room=False)
        finally:
            sdk.remove_services(url, watched.server.label)


_OPENERS: Mapping[str, Callable[[Session, Path], AbstractContextManager[WatchedServer]]] = {
    "docker": lambda session, directory: _on_socket(session, directory, "docker", engines.docker_url()),
    "podman": lambda session, directory: _on_socket(session, directory, "podman", engines.podman_url()),
    "swarm": _on_swarm,
    "slurm": _on_slurm,
    "kubernetes": _on_kubernetes,
}
ENGINES = tuple(_OPENERS)


def require_all(rows: Sequence[dict[str, Any]], jids: Sequence[str], phase: str) -> list[dict[str, Any]]:
    """The rows of these jobs. Raises Broken unless each is in that phase."""
    found = [row for row in rows if row["jid"] in set(jids)]
    others = [row for row in found if row["phase"] != phase]
    if others or len(found) != len(jids):
        raise Broken(f"{len(found)} of {len(jids)} jobs are recorded; {len(others)} are not {phase}: {others[:1]}")
    return found
