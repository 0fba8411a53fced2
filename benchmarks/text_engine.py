"""An engine without jobs, whose list has a text for each of very many."""

import threading
from collections.abc import Iterable, Mapping

from pfcon.compute.base import ComputeEngine, Mine, anyone
from pfcon.compute.words import CANCELLED
from pfcon.models import JobInfo, JobSpec, JobStatus

UNUSED = "rounds of the leader ask only for lists and states"


class TextEngine(ComputeEngine):
    """All jobs run. changed: how many texts are others in each list. infos: the calls of ``info``."""

    name = "text"

    def __init__(self, names: Iterable[str], changed: int) -> None:
        self._changed = changed
        self._texts = {name: f"{number:064x} running" for number, name in enumerate(names)}
        self._lists = 0
        self._lock = threading.Lock()
        self.infos = 0

    def active_jobs(self) -> Mapping[str, str]:
        """See ComputeEngine."""
        self._lists += 1
        names = list(self._texts)
        for number in range(self._changed):
            name = names[(self._lists * self._changed + number) % len(names)]
            self._texts[name] = f"{self._lists:064x} running"
        return dict(self._texts)

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:  # noqa: ARG002 - all jobs are whose they are asked for
        """See ComputeEngine."""
        with self._lock:
            self.infos += 1
        return JobInfo(name, JobStatus.STARTED)

    def schedule(self, spec: JobSpec) -> JobInfo:
        """Not used, as everything that follows."""
        raise NotImplementedError(UNUSED)

    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """Not used."""
        raise NotImplementedError(UNUSED)

    def cancel(self, name: str, mine: Mine = anyone, message: str = CANCELLED) -> None:
        """Not used."""
        raise NotImplementedError(UNUSED)

    def remove(self, name: str, mine: Mine = anyone) -> None:
        """Not used."""
        raise NotImplementedError(UNUSED)

    def check(self) -> str:
        """Not used."""
        raise NotImplementedError(UNUSED)
