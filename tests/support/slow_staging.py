"""A storage whose staging takes as long as a test wants."""

import threading
from collections.abc import Callable
from typing import ClassVar

from pfcon.models import JobRequest
from pfcon.paths import JobDir
from pfcon.storage.base import Staged, StagingPlan, Upload
from pfcon.storage.zipfile import ZipfileStorage


class SlowPlan(StagingPlan):
    """Stages, then reports progress until ``end`` is set."""

    def __init__(self, plan: StagingPlan, end: threading.Event) -> None:
        self.digest, self._plan, self._end = plan.digest, plan, end

    def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
        staged = self._plan.stage(job, report)
        while not self._end.wait(0.05):
            report("still staging")
        return staged


class SlowStorage(ZipfileStorage):
    """One whose staging takes until ``end`` is set."""

    end: ClassVar[threading.Event]
    make: type[SlowPlan] = SlowPlan

    def plan(self, request: JobRequest, upload: Upload | None) -> StagingPlan:  # type: ignore[override]
        return self.make(super().plan(request, upload), self.end)
