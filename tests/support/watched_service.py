"""A service whose leader watches jobs of an engine that counts the requests, and has troubles."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from pfcon.compute.base import Mine, anyone
from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Unreachable
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.jobs.watching.freshness import ReadLimits
from pfcon.models import (
    JobId,
    JobInfo,
    JobKind,
    JobRequest,
    PluginType,
)
from pfcon.paths import StoreBase
from pfcon.records import Record
from pfcon.testing.waiting import eventually
from support.zips import good_zip, spooled

PLUGIN = JobKind.PLUGIN


class CountingEngine(ProcessEngine):
    """Counts the requests. away: whether it answers none of them. unclear: jobs that only ``info`` does not answer.

    unlisted: whether it lists no jobs; hidden: jobs that it does not list.
    """

    def __init__(self, storebase: StoreBase) -> None:
        super().__init__(storebase, stop_grace=2)
        self.infos: list[str] = []
        self.lists = 0
        self.away = False
        self.unclear: dict[str, Exception] = {}
        self.unlisted = False
        self.hidden: set[str] = set()
        self.list_error: Exception | None = None
        self.without_logs = False
        self.clock = 0.0  # seconds by which it is wrong

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        if name in self.unclear:
            raise self.unclear[name]
        self.infos.append(name)
        if self.away:
            raise Unreachable("the engine is away")
        info = super().info(name, mine)
        started = info.details.started_at
        if started is None or not self.clock:
            return info
        return replace(info, details=replace(info.details, started_at=started + timedelta(seconds=self.clock)))

    def active_jobs(self) -> Mapping[str, str] | None:  # type: ignore[override] # as engines that list none
        self.lists += 1
        if self.away:
            raise Unreachable("the engine is away")
        if self.list_error is not None:
            raise self.list_error
        listed = super().active_jobs() or {}
        return None if self.unlisted else {name: text for name, text in listed.items() if name not in self.hidden}

    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        if self.without_logs:
            raise Unreachable("no logs at the moment")
        return super().logs(name, tail_lines, mine)


class Nothing(ReadLimits):
    """No request may ask the engine while the records are fresh."""

    def may_check(self, claim: str) -> bool:
        return False

    def may_read_log(self, claim: str, engine: str, per_minute: float | None) -> bool:
        return False


def post(service: JobService, jid: str, script: str = "exec sleep 600", time_limit: int | None = None) -> JobInfo:
    request = JobRequest(
        *(JobId(jid), "none", ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0), args=(script,), time_limit=time_limit
    )
    upload = spooled(good_zip({"a": b"b"}))
    with upload.file:
        return service.submit(request, upload).info


def record(context: JobContext, jid: str) -> Record:
    found = context.journal.get(JobId(jid), PLUGIN)
    assert found is not None
    return found


def watch(service: JobService) -> None:
    """Do one round with all engines now, whether or not the service leads. Checks go on in the background."""
    for engine in service.engine_watches:
        engine.run_round()


def settled(service: JobService, engine: CountingEngine) -> bool:
    """Do rounds until one asks for no job."""

    def quiet() -> bool:
        engine.infos.clear()
        watch(service)
        return eventually(lambda: not any(one.checking for one in service.engine_watches[0]._jobs.values())) and (
            not engine.infos
        )

    return eventually(quiet)


def is_fresh(service: JobService, jid: str = "") -> bool:
    service.lead()
    found = service._context.journal.get(JobId(jid), PLUGIN) if jid else None
    return service._statuses._freshness.is_fresh(PLUGIN, found.claim if found else "")
