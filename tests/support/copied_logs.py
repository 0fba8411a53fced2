"""Jobs of the process engine, with an engine whose log has to be copied."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from pfcon.compute.base import Mine, anyone
from pfcon.compute.kept_log import Stretch, read_at
from pfcon.compute.log_copy import FileSource, LogChunk, copied
from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import PfconError
from pfcon.jobs.context import JobContext, request_id
from pfcon.jobs.logs.service import JobLogs
from pfcon.jobs.removal import Remover
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import JobId, JobKind, JobSpec
from pfcon.paths import StoreBase
from pfcon.records import Claimed, Phase, Record
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

from .compute import make_harness
from .job_context import make_context


class ApiEngine(ProcessEngine):
    """fault: what asking for a log raises. after_chunk: called with each chunk. in_place: others may read its files."""

    in_place = False
    fault: PfconError | None = None
    after_chunk: Callable[[LogChunk], None] = staticmethod(lambda _: None)
    asked = 0

    def open_log(self, name: str, mine: Mine = anyone) -> int | None:  # type: ignore[override]
        """None, as of Docker and its like."""
        return super().open_log(name, mine) if self.in_place else None

    def log_after(self, name: str, cursor: str, *, ended: bool, mine: Mine = anyone) -> Iterator[LogChunk]:
        """What the supervisor has written."""
        self.asked += 1
        if self.fault:
            raise self.fault
        with self._open(name, mine) as job:

            def read(offset: int, most: int) -> Stretch:
                return read_at(job.descriptor, offset, min(most, 50_000))

            for chunk in copied([FileSource("one", read)], cursor, ended=ended):
                yield chunk
                self.after_chunk(chunk)


class Logs:
    """A service process with one engine. compute: makes jobs."""

    def __init__(
        self, storebase: StoreBase, database: Path, log_bytes: int = 1 << 26, *, in_place: bool = False
    ) -> None:
        self.compute: Harness = make_harness("process", storebase.root)
        self.engine = ApiEngine(storebase, stop_grace=1)
        self.engine.in_place = in_place
        self.database = database
        self.context: JobContext = replace(make_context(storebase, database, self.engine))
        object.__setattr__(self.context, "options", replace(self.context.options, log_bytes=log_bytes))
        self.scheduler = Scheduler(self.context, Remover(self.context))
        self.logs = JobLogs(self.context)

    def start(self, spec: JobSpec) -> JobSpec:
        """Schedule a job as a POST does."""
        claimed = self.context.journal.claim(spec.jid, JobKind.PLUGIN, "digest")
        assert isinstance(claimed, Claimed)
        spec = replace(spec, request=request_id("digest", claimed.record.claim))
        assert self.context.journal.move(claimed.record, Phase.SCHEDULING, spec=spec.to_json())
        self.scheduler.schedule(replace(claimed.record, phase=Phase.SCHEDULING, spec_json=spec.to_json()), spec)
        return spec

    def record(self, spec: JobSpec) -> Record:
        """The job's record now."""
        found = self.context.journal.get(spec.jid, JobKind.PLUGIN)
        assert found is not None
        return found

    def end(self, spec: JobSpec) -> None:
        """Wait for the job's end, and have it recorded as the watch does."""
        self.compute.wait(spec.name)
        self.scheduler.states.watch(self.record(spec))
        assert self.record(spec).phase is Phase.FINAL

    def read(self, spec: JobSpec, offset: int = 0) -> bytes:
        """All that is there from an offset."""
        found = b""
        while (part := self.logs.read(spec.jid, JobKind.PLUGIN, offset, 100_000)).data:
            found += part.data
            offset = part.start + len(part.data)
        return found

    def is_complete(self, spec: JobSpec) -> bool:
        """Whether nothing follows what is there."""
        part = self.logs.read(spec.jid, JobKind.PLUGIN, 0, 1)
        return self.logs.read(spec.jid, JobKind.PLUGIN, part.end, 1).complete

    def wait_until_complete(self, spec: JobSpec) -> None:
        """Until all of the log is there."""
        assert eventually(lambda: self.is_complete(spec))


def copy_until_killed(storebase: str, database: str, log_bytes: str, jid: str, chunks: str) -> None:
    """Copy the log of a job that has ended, and be killed after so many chunks."""
    logs = Logs(StoreBase(Path(storebase)), Path(database), int(log_bytes))
    left = iter(range(int(chunks)))

    def count(_: LogChunk) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    logs.engine.after_chunk = count
    logs.logs.refresh(JobId(jid), JobKind.PLUGIN)


if __name__ == "__main__":
    copy_until_killed(*sys.argv[1:])
