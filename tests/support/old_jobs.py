"""Jobs that ended long ago, and what jobs without a record have left."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import sqlalchemy

from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext, request_id
from pfcon.models import JobId, JobKind, JobRequest, JobSpec, JobStatus, PluginType
from pfcon.records import Journal
from pfcon.records.database import connect
from pfcon.records.schema import jobs
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually
from pfcon.units import DAY

from .postgresql import own_schema
from .zips import good_zip, spooled

PLUGIN = JobKind.PLUGIN


@contextmanager
def database_of(name: str, directory: Path) -> Iterator[Journal]:
    """A context with a journal in an empty database of that name, "sqlite" or "postgresql"."""
    if name == "sqlite":
        yield Journal(lambda: connect(None, directory))
        return
    with own_schema() as url:
        engine = connect(url, directory)
        yield Journal(lambda: engine)
        engine.dispose()


def posted(service: JobService, jid: JobId, script: str = "true", image: str = "none") -> None:
    """Post a plugin job of the synchronous interface."""
    request = JobRequest(jid, image, ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0, args=(script,))
    upload = spooled(good_zip({"a": b"b"}))
    with upload.file:
        service.submit(request, upload)


def ended(service: JobService, jid: JobId, script: str = "true", image: str = "none") -> None:
    """Post one and wait for its end."""
    posted(service, jid, script, image)
    assert eventually(lambda: service.status(jid, PLUGIN)[0].status is JobStatus.SUCCEEDED)


def age_records(context: JobContext, days: float, jid: str = "%", kind: str = "%") -> None:
    """Let records be that much older, and the data of their jobs that old."""
    columns = ("changed_at", "created_at", "finished_at")
    older = {name: jobs.c[name] - days * DAY for name in columns}
    with context.journal.database.engine.begin() as connection:
        change = sqlalchemy.update(jobs).where(jobs.c.jid.like(jid), jobs.c.kind.like(kind)).values(older)
        changed = set(connection.execute(change.returning(jobs.c.jid)).scalars())
    for name in map(JobId, changed):
        if context.storebase.job(name).exists():
            age_data(context, name, days)


def age_data(context: JobContext, jid: JobId, days: float) -> None:
    """Let the directory of a job be that old."""
    path, then = context.storebase.job(jid).path, time.time() - days * DAY
    for each in (*path.iterdir(), path):
        os.utime(each, (then, then))


def unrecorded(context: JobContext, compute: Harness, script: str, *, signed: bool = True) -> JobSpec:
    """A job that is on the engine, and has data; no record speaks of it."""
    spec = compute.shell(script)
    request = request_id("digest", "claim")
    spec = replace(spec, request=context.signer.sign(spec.name, request) if signed else request)
    compute.engine.schedule(spec)
    return spec
