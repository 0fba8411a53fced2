"""Retention of ended jobs, on an engine that has troubles."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pfcon.compute.base import Mine, anyone
from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Absent, DamagedJob, Unreachable
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.jobs.removal import Remover
from pfcon.jobs.retention import Retention
from pfcon.models import JobId, JobInfo
from pfcon.settings.jobs import RetentionSettings

A, B, C = JobId("job-a"), JobId("job-b"), JobId("job-c")
WEEK = RetentionSettings(days=7)


class TroubledEngine(ProcessEngine):
    """damaged, unanswered: jobs that it can't read, or answer for. acts: what is done once when it lists its jobs."""

    damaged: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()
    acts: Sequence[Callable[[], object]] = ()

    def jobs(self) -> Mapping[str, str] | None:  # type: ignore[override]
        acts, self.acts = self.acts, ()
        for act in acts:
            act()
        return None if self.unanswered else super().jobs()

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        if name in self.damaged:
            raise DamagedJob(f"the records of job {name} are damaged")
        if name in self.unanswered:
            raise Unreachable("no answer")
        return super().info(name, mine)


def run(context: JobContext, **changes: Any) -> None:
    context = replace(context, **changes)
    Retention(context, Remover(context)).run_once()


def is_gone(service: JobService, jid: JobId) -> bool:
    """Whether nothing is left: no answer, no data, no job of the engine."""
    try:
        service.records_of(jid)
    except Absent:
        context = service._context
        with pytest.raises(Absent):
            context.engine.info(jid)
        return not context.storebase.job(jid).is_taken()
    return False
