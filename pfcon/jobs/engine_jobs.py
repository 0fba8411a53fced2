"""What the engines have of a jid, whatever the records say: before anything of it is removed because of its age."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pfcon.compute.base import ComputeEngine
from pfcon.errors import Absent, Foreign
from pfcon.jobs.context import JobContext
from pfcon.jobs.ownership import service_matcher
from pfcon.models import JobId, JobInfo, JobKind


@dataclass(frozen=True)
class EngineListing:
    """An engine and the requests of its jobs by name; None if it can't list them."""

    engine: ComputeEngine
    requests: Mapping[str, str] | None

    def may_have(self, name: str) -> bool:
        """Return whether the engine must be asked for a job."""
        return self.requests is None or name in self.requests


@dataclass(frozen=True)
class Use:
    """active: the names of the jobs of a jid that have not ended. last_end: see ``end_of``; of this service's jobs."""

    active: list[str]
    last_end: float | None


class EngineJobs:
    """The jobs of all engines that this service uses or has used. Methods raise Unreachable if one does not answer.

    may_list: the jobs are listed once, on first use; otherwise the engines are asked for each job anew.
    """

    def __init__(self, context: JobContext, *, may_list: bool = True) -> None:
        self._context = context
        self._may_list = may_list

    @cached_property
    def listings(self) -> tuple[EngineListing, ...]:
        """All engines; each occurs once."""
        engines = {id(engine): engine for kind in JobKind for engine in self._engines_of(kind)}
        return tuple(EngineListing(engine, engine.jobs() if self._may_list else None) for engine in engines.values())

    def _engines_of(self, kind: JobKind) -> Iterator[ComputeEngine]:
        yield self._context.engine_of(kind)
        if (former := self._context.kinds[kind].former_engine(self._context)) is not None:
            yield former

    def active(self, jid: JobId) -> list[str]:
        """Return the names of the jobs of a jid that have not ended, those of other services included.

        Another service's job of that name may be of this storeBase, from before its key was lost.
        """
        return self.look(jid).active

    def look(self, jid: JobId) -> Use:
        """Return what the engines have of a jid. ``active`` has names of other services' jobs, as ``active`` does."""
        active, last_end = [], None
        for kind in JobKind:
            name = kind.engine_name(jid)
            engines = {id(engine) for engine in self._engines_of(kind)}
            for listing in self.listings:
                if id(listing.engine) not in engines or not listing.may_have(name):
                    continue
                try:
                    info = listing.engine.info(name, service_matcher(self._context, name))
                except Foreign as foreign:
                    active += [] if foreign.ended else [name]
                except Absent:
                    continue
                else:
                    active += [] if info.status.ended else [name]
                    last_end = _later(last_end, end_of(info))
        return Use(active, last_end)


def _later(one: float | None, other: float | None) -> float | None:
    return max((time for time in (one, other) if time is not None), default=None)


def end_of(info: JobInfo) -> float | None:
    """Return when a job has ended, or started if that is not known, in seconds since the epoch; None if neither is."""
    moment = info.finished_at or info.details.started_at
    return moment.timestamp() if moment else None
