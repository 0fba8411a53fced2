"""One row of the journal as it was read."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus
from pfcon.records.places import Held


class Phase(StrEnum):
    """Where a job is in its life; only ever moves down this list, until a new claim begins it again."""

    STAGING = "staging"  # the owner stages the inputs
    SCHEDULING = "scheduling"  # the owner asks the engine to run it, or fetches the image
    SCHEDULED = "scheduled"  # the engine has it; nobody owns it
    FINAL = "final"  # it has ended; the row holds all that will ever be known
    REMOVING = "removing"  # somebody asked for its removal
    REMOVED = "removed"  # engine and storeBase hold nothing of it


OWNED = (Phase.STAGING, Phase.SCHEDULING, Phase.REMOVING)


def new_claim() -> str:
    """A claim that no row has had yet."""
    return uuid.uuid4().hex


def request_id(request: str, claim: str) -> str:
    """One try of a request, among all of them. ``claim``: the try's first. Engines keep it with a signature behind."""
    return f"{request}.{claim}"


def unsigned(request: str) -> str:
    """The ``request_id`` in what an engine keeps with a job, which may be signed."""
    return ".".join(request.split(".")[:2])


def first_claim(request: str) -> str:
    """The claim with which a try of a request began, in what an engine keeps with the job; "" where it names none."""
    return request.split(".")[1] if "." in request else ""


@dataclass(frozen=True)
class Record:
    """One row as it was read. ``owned``: a living service process acts on the job now."""

    jid: JobId
    kind: JobKind
    claim: str
    phase: Phase
    request: str
    status: JobStatus
    message: str
    logs: str
    finished_at: datetime | None
    changed_at: float
    nfiles: int
    notes: tuple[str, ...]
    with_data: bool
    owned: bool
    spec_json: str

    @cached_property
    def spec(self) -> JobSpec | None:
        """What was, or is to be, run; None before the inputs are staged."""
        return JobSpec.from_json(self.spec_json) if self.spec_json else None

    @property
    def name(self) -> str:
        """The job's name on its engine: the one under which it was scheduled, which may be of an earlier release."""
        return self.spec.name if self.spec else self.kind.engine_name(self.jid)

    @property
    def claims(self) -> tuple[str, ...]:
        """What is live while the job is worked on: its claim, and the one under which this try of it began."""
        return (self.claim, first_claim(self.spec.request)) if self.spec else (self.claim,)

    @property
    def info(self) -> JobInfo:
        """The row's own knowledge of the job; what its engine has to tell of it may be newer."""
        spec = self.spec
        return JobInfo(
            name=self.name,
            status=self.status,
            message=self.message,
            image=spec.image if spec else "",
            argv=spec.argv if spec else (),
            finished_at=self.finished_at,
            request=self.request,
        )

    @property
    def interrupted(self) -> bool:
        """Whether its owner has died, or gave up, in the middle of something."""
        return self.phase in OWNED and not self.owned

    @property
    def replaceable(self) -> bool:
        """Whether a ``POST`` may begin the job anew."""
        return self.phase is Phase.REMOVED or (self.phase is Phase.FINAL and self.status.failed)


@dataclass(frozen=True)
class Claimed:
    """The caller owns the job. ``previous`` is the ended one that it replaces, if there was one."""

    record: Record
    previous: Record | None


@dataclass(frozen=True)
class Blocked:
    """A claim was not made: other jobs hold paths that it names. Nothing was written."""

    by: tuple[Held, ...]
