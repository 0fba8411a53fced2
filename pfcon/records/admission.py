"""The conditions of a new job: checked in the transaction that writes it, which is rolled back if one is not met."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from pfcon.models import JobKind
from pfcon.records.active_limits import TooMany, exceeded
from pfcon.records.places import Place, take_places
from pfcon.records.record import Blocked
from pfcon.settings.jobs import ActiveLimits


class NotAdmitted(Exception):
    """Rolls the transaction back. answer: says which condition is not met."""

    def __init__(self, answer: Blocked | TooMany) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True)
class Admission:
    """places: the users' directories that the job mounts. limits: of active jobs of its kind."""

    places: tuple[Place, ...]
    limits: ActiveLimits

    def require(self, connection: Connection, job: Mapping[str, str], owner: str | None) -> None:
        """Write the places of a job. Raises NotAdmitted. job: see ``take_places``. owner: the user in ChRIS.

        The transaction must have written the job before.
        """
        if held := take_places(connection, job, self.places):
            raise NotAdmitted(Blocked(held))
        if too_many := exceeded(connection, self.limits, JobKind(job["kind"]), owner):
            raise NotAdmitted(too_many)
