"""Services with one job after the other on each engine that is here, whose calls are counted."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import select
from support import engines
from support.slurm import slurm_environ

from benchmarks import sdk
from benchmarks.client import Job
from benchmarks.counting import Calls, CountedCommands, CountingRelay
from benchmarks.faults import Broken, NotHere
from benchmarks.sections.slurm import cancel_all
from benchmarks.session import Server, Session
from pfcon.records.database import connect
from pfcon.records.schema import jobs

ENGINES = ("docker", "podman", "swarm", "slurm")
MEMORY = "50"  # MiB of each job
AT_ONCE = 8  # jobs that are submitted, and removed
_URLS = {"docker": engines.docker_url, "podman": engines.podman_url, "swarm": engines.swarm_url}
_COLUMNS = (jobs.c.jid, jobs.c.phase, jobs.c.status, jobs.c.logs, jobs.c.finished_at, jobs.c.changed_at)


@dataclass
class WatchedServer:
    """A server, and the calls of its engine."""

    server: Server
    calls: Calls
    session: Session

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
        """The records of all jobs, read beside the server: it does not notice that."""
        database = connect(None, self.server.storebase / ".pfcon" / "records")
        try:
            with database.connect() as connection:
                return [dict(row) for row in connection.execute(select(*_COLUMNS)).mappings()]
        finally:
            database.dispose()

    def await_rows(self, enough: Callable[[list[dict[str, Any]]], bool], patience: float) -> list[dict[str, Any]]:
        """Wait until the records are as wanted, or for ``patience`` seconds; the last ones."""
        deadline = time.monotonic() + patience
        while not enough(rows := self.rows()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return rows


@contextmanager
def watched_server(session: Session, engine: str) -> Iterator[WatchedServer]:
    """One with the defaults. Raises NotHere without the engine."""
    with session.fresh(f"watching-{engine}") as directory:
        if engine == "slurm":
            environ, commands = _found(slurm_environ), CountedCommands(directory)
            settings = {**environ, "CONTAINER_ENV": "slurm", "PATH": commands.path}
            with session.server(directory, settings=settings) as server:
                try:
                    yield WatchedServer(server, commands, session)
                finally:
                    cancel_all(environ["SLURM_CONF"], server.label)
            return
        url = _found(_URLS[engine])
        if not url.startswith("unix://"):
            raise NotHere(f"{engine}: only requests to a Unix socket are counted, not those to {url}")
        with (
            CountingRelay(url, directory / "engine.sock") as relay,
            session.server(directory, engine, relay.url) as server,
        ):
            try:
                yield WatchedServer(server, relay, session)
            finally:
                if engine == "swarm":
                    sdk.remove_services(url, server.label)


def _found(find: Callable[[], Any]) -> Any:
    try:
        return find()
    except (pytest.skip.Exception, pytest.fail.Exception) as reason:  # how the tests' finders say no
        raise NotHere(str(reason)) from None


def require_all(rows: Sequence[dict[str, Any]], jids: Sequence[str], phase: str) -> list[dict[str, Any]]:
    """The rows of these jobs. Raises Broken unless each is in that phase."""
    found = [row for row in rows if row["jid"] in set(jids)]
    others = [row for row in found if row["phase"] != phase]
    if others or len(found) != len(jids):
        raise Broken(f"{len(found)} of {len(jids)} jobs are recorded; {len(others)} are not {phase}: {others[:1]}")
    return found
