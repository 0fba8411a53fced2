"""The database goes away at each of its calls in the life of a job: a client that repeats its request sees it end."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import sqlalchemy
from support.database_gate import Gate, nothing
from support.job_context import LIMITS, make_context
from support.live import make_zip
from support.postgresql import own_schema
from support.tcp_relay import TcpRelay
from support.zips import spooled

from pfcon.background import Ticker
from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Absent, Conflict, StorageFull, Unreachable
from pfcon.jobs import JobService
from pfcon.models import (
    CopyRequest,
    InputRequest,
    JobId,
    JobInfo,
    JobKind,
    JobRequest,
    JobStatus,
    PluginType,
    Resources,
    UploadRequest,
    User,
)
from pfcon.paths import JobDir, StoreBase
from pfcon.records import Journal
from pfcon.records.database import connect
from pfcon.records.schema import jobs, places
from pfcon.storage.fslink import FslinkStorage
from pfcon.testing.waiting import checks, eventually

OUT, IN = PurePosixPath("home/u/out"), PurePosixPath("home/u/in")


class UploadingStorage(FslinkStorage):
    """One that wants every kind of job; its uploads fail, for they are told no credentials."""

    requires_upload_job = True

    def make_outputs(self, job: JobDir, request: InputRequest, user: User | None) -> None:
        super().make_outputs(job, request, user)
        job.make_outgoing(user)


class Client:
    """Does what CUBE does, and repeats what it gets no answer to."""

    def __init__(self, service: JobService, gate: Gate, ran: Path) -> None:
        self.service, self.gate, self.ran = service, gate, ran

    def request(self, jid: JobId, script: str, *, innetwork: bool) -> JobRequest:
        return JobRequest(
            jid=jid,
            image="none",
            entrypoint=("sh", "-c"),
            args=(f"echo {jid} >>{self.ran}; {script}",),
            type=PluginType.DS,
            auid="u",
            number_of_workers=1,
            cpu_limit=1000,
            memory_limit=300,
            gpu_limit=0,
            env=(("TOKEN", "t"),),
            input_dirs=(IN,) if innetwork else (),
            output_dir=OUT if innetwork else None,
        )

    def repeat(self, ask: Callable[[], Any]) -> Any:
        for _ in checks():
            try:
                return ask()
            except (Unreachable, StorageFull, Conflict) as error:
                fault = error
                self.gate.open()
        raise AssertionError(f"it never comes to an end: {fault}")

    def ended(self, post: Callable[[], object], jid: JobId, kind: JobKind) -> JobInfo:
        """Post and wait; what was broken off or is not known is posted again."""
        self.repeat(post)
        for _ in checks():
            try:
                info: JobInfo = self.repeat(lambda: self.service.status(jid, kind))[0]
            except Absent:
                self.repeat(post)
                continue
            if info.status.failed and "run it again" in info.message:
                self.repeat(post)
            elif info.status.final:
                return info
        raise AssertionError(f"{kind} job {jid} is {info.status} for ever: {info.message}")

    def remove(self, jid: JobId, kind: JobKind, *, with_data: bool) -> None:
        with contextlib.suppress(Absent):
            self.repeat(lambda: self.service.remove(jid, kind, with_data=with_data))


def posting(client: Client, jid: JobId, script: str) -> Callable[[], object]:
    """A POST of the synchronous interface."""
    content, request = make_zip({"a": "b"}), client.request(jid, script, innetwork=False)

    def post() -> object:
        upload = spooled(content)
        with upload.file:
            return client.service.submit(request, upload)

    return post


def zipped(client: Client, jid: JobId) -> None:
    """POST and DELETE of the synchronous interface."""
    post = posting(client, jid, 'cp "$0"/a "$1"')
    assert client.ended(post, jid, JobKind.PLUGIN).status is JobStatus.SUCCEEDED
    client.remove(jid, JobKind.PLUGIN, with_data=True)


def staged(client: Client, jid: JobId) -> None:
    """Copy, plugin, upload and delete job, as CUBE posts them, and their DELETEs."""
    service, limits = client.service, Resources()
    copy = CopyRequest(jid, (IN,), OUT, 1000, 300)
    assert client.ended(lambda: service.submit_copy(copy), jid, JobKind.COPY).status is JobStatus.SUCCEEDED
    plugin = client.request(jid, "true", innetwork=True)
    assert client.ended(lambda: service.submit_plugin(plugin, None), jid, JobKind.PLUGIN).status is JobStatus.SUCCEEDED
    upload = UploadRequest(jid, OUT, 1000, 300)
    assert "credentials" in client.ended(lambda: service.submit_upload(upload), jid, JobKind.UPLOAD).message
    delete = client.ended(lambda: service.submit_delete(jid, limits), jid, JobKind.DELETE)
    assert delete.status is JobStatus.SUCCEEDED
    for kind in JobKind:
        client.remove(jid, kind, with_data=False)


def cancelled(client: Client, jid: JobId) -> None:
    """A delete job ends a plugin job that runs."""
    post = posting(client, jid, "exec sleep 600")
    client.repeat(post)
    while client.repeat(lambda: client.service.status(jid, JobKind.PLUGIN))[0].status is not JobStatus.STARTED:
        client.repeat(post)
    delete = client.ended(lambda: client.service.submit_delete(jid, Resources()), jid, JobKind.DELETE)
    assert delete.status is JobStatus.SUCCEEDED
    assert client.repeat(lambda: client.service.status(jid, JobKind.PLUGIN))[0].status is JobStatus.FAILED
    for kind in JobKind:
        client.remove(jid, kind, with_data=False)


LIVES: dict[str, tuple[Callable[[Client, JobId], None], str]] = {
    "zipped": (zipped, "zipfile"),
    "staged": (staged, "fslink"),
    "cancelled": (cancelled, "zipfile"),
}
PARTS = 3  # of the calls of a life, so that several processes can share the work
POINTS = 6  # calls that a part tries, spread over the life; all of them with PFCON_TEST_EVERY_CALL


class World:
    """A service process over a database behind a gate, and what jobs leave."""

    def __init__(self, storebase: StoreBase, tmp_path: Path, database: str, storage: str) -> None:
        self.storebase, self.ran = storebase, tmp_path / "ran"
        (storebase.root / IN).mkdir(parents=True)
        (storebase.root / IN / "a").write_text("b")
        self.relay = None
        self.schema = contextlib.ExitStack()
        url, closing, opening = None, nothing, nothing
        if database == "postgresql":
            there = sqlalchemy.make_url(self.schema.enter_context(own_schema()))
            self.relay = TcpRelay(f"tcp://{there.host}:{there.port}")
            self.relay.restore()
            url = there.set(host="127.0.0.1", port=self.relay.port).render_as_string(hide_password=False)
            closing, opening = self.relay.cut, self.relay.restore
        self.database = connect(url, tmp_path)
        self.gate = Gate(self.database, closing, opening)
        engine = ProcessEngine(storebase, stop_grace=2)
        context = make_context(storebase, tmp_path, engine, storage)
        self.context = replace(context, journal=Journal(lambda: self.database))
        if storage == "fslink":
            self.context = replace(self.context, storage=UploadingStorage(storebase, LIMITS))
        self.service = JobService(self.context)
        self.service.start()
        self.tickers = [Ticker("recovery", 0.1, self.service.recover)]

    def close(self) -> None:
        for ticker in self.tickers:
            ticker.stop()
        self.gate.open()
        if self.relay:
            self.relay.cut()
        self.database.dispose()
        self.schema.close()

    def live(self, life: Callable[[Client, JobId], None], jid: JobId, at: int | None, calls: int | None) -> int:
        """One job's life, with the database away from a call on; how many calls there were."""
        self.gate.close_at(at, calls=calls)
        try:
            life(Client(self.service, self.gate, self.ran), jid)
        finally:
            self.gate.open()
        return self.gate.count

    def leftovers(self) -> list[str]:
        """What should not be there once all jobs were removed."""
        private = self.storebase.private
        kept = [*self.storebase.root.glob("key-*"), *private.glob("trash/*"), *private.glob("environments/*")]
        kept += [path for path in private.glob("process/*") if not path.name.startswith(".")]
        with self.database.connect() as connection:
            rows = connection.execute(sqlalchemy.select(jobs.c.jid, jobs.c.kind, jobs.c.phase)).all()
            held = connection.execute(sqlalchemy.select(places.c.jid)).all()
        rest = [f"{row.kind} job {row.jid} is {row.phase}" for row in rows if row.phase != "removed"]
        return [*map(str, kept), *rest, *(f"{row.jid} holds a place" for row in held)]


def points(most: int, part: int) -> list[int]:
    """The numbers of the calls at which the database is to go away."""
    mine = list(range(1 + part, most + 1, PARTS))
    if os.environ.get("PFCON_TEST_EVERY_CALL") or len(mine) <= POINTS:
        return mine
    return [mine[number * len(mine) // POINTS] for number in range(POINTS)]


@pytest.fixture
def world(request: pytest.FixtureRequest, storebase: StoreBase, tmp_path: Path) -> Iterator[World]:
    database, life = request.param
    found = World(storebase, tmp_path, database, LIVES[life][1])
    yield found
    found.close()


@pytest.mark.slow
@pytest.mark.parametrize("calls", [1, None], ids=["for-one-call", "for-longer"])
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(
    ("world", "life"),
    [((database, life), life) for database in ("sqlite", "postgresql") for life in LIVES],
    indirect=["world"],
    ids=[f"{database}-{life}" for database in ("sqlite", "postgresql") for life in LIVES],
)
def test_a_database_that_goes_away_at_any_call_loses_doubles_and_leaves_nothing(
    world: World, life: str, part: int, calls: int | None
) -> None:
    live = functools.partial(world.live, LIVES[life][0])
    most = live(JobId("undisturbed"), None, None)
    expected = ["undisturbed"]
    for at in points(most, part):
        jid = JobId(f"at-{at}")
        live(jid, at, calls)
        expected.append(jid)
    assert world.ran.read_text().split() == expected, most
    assert eventually(lambda: not world.leftovers()), world.leftovers()
    assert most > 10
