"""The base class of the submitters of plugin, copy and upload jobs."""

from pfcon.jobs.claiming import Claimer
from pfcon.jobs.context import JobContext
from pfcon.jobs.removal import Remover
from pfcon.jobs.scheduling import Scheduler


class Submitter:
    """Claims and schedules jobs of one kind."""

    def __init__(self, context: JobContext, scheduler: Scheduler, remover: Remover, claimer: Claimer) -> None:
        self._context = context
        self._journal = context.journal
        self._scheduler = scheduler
        self._remover = remover
        self._claimer = claimer
