"""Record: one row of the journal."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus, RunDetails
from pfcon.records.places import Held


class Phase(StrEnum):
    """The phases of a job, in order. A job moves only forward, until a new claim starts it again."""

    STAGING = "staging"  # the owner stages the inputs
    SCHEDULING = "scheduling"  # the owner asks the engine to run the job, or fetches the image
    SCHEDULED = "scheduled"  # the engine has the job; it has no owner
    FINAL = "final"  # the job has ended; the row does not change any more
    REMOVING = "removing"  # it is being removed: for a client, or because of its age
    REMOVED = "removed"  # nothing of it is left on the engine and in storeBase


OWNED = (Phase.STAGING, Phase.SCHEDULING, Phase.REMOVING)
WITH_REASON = (Phase.SCHEDULED, Phase.FINAL)  # in other phases the row may have that of an earlier attempt
ACTIVE = (Phase.STAGING, Phase.SCHEDULING, Phase.SCHEDULED)
PLACEHOLDER = ""  # the ``request`` of a record that exists only while what has no record is removed: see removals.py
ROLLED_BACK = "rolled-back"  # the ``cancel_request`` of a cancelled job whose submission is being rolled back


def new_claim() -> str:
    """Return a new, unique claim."""
    return uuid.uuid4().hex


def request_id(request: str, claim: str) -> str:
    """Return the id of an attempt. claim: the attempt's first one. Engines store the id with a signature."""
    return f"{request}.{claim}"


def unsigned(request: str) -> str:
    """Return the ``request_id`` without the signature that an engine may store with it."""
    return ".".join(request.split(".")[:2])


def first_claim(request: str) -> str:
    """Return the claim of a ``request_id``, signed or not: the first claim of that attempt. "" when it has none."""
    return request.split(".")[1] if "." in request else ""


@dataclass(frozen=True)
class Record:
    """One row as it was read. owned: whether a living service process acts on the job now.

    created_at: None in rows of releases that did not record it. nfiles, nbytes: of the staged inputs.
    cancel_request: the ``attempt`` that a client has cancelled, or ROLLED_BACK.
    was_removed: whether the job was in REMOVED before its removal began again. Only ``removing`` knows that: no column
    has it, so when another process completes the removal, clients may see that the job was removed once more.
    """

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
    created_at: datetime | None = None
    details: RunDetails = RunDetails()
    nbytes: int = 0
    reason: str = ""
    cancel_request: str = ""
    was_removed: bool = False

    @cached_property
    def spec(self) -> JobSpec | None:
        """The job's specification; None before the inputs are staged."""
        return JobSpec.from_json(self.spec_json) if self.spec_json else None

    @property
    def name(self) -> str:
        """The job's name on its engine. An earlier release may have chosen it by other rules."""
        return self.spec.name if self.spec else self.kind.engine_name(self.jid)

    @property
    def claims(self) -> tuple[str, ...]:
        """The claims that are live while the job is worked on: its present one, and the first one of this attempt."""
        return (self.claim, first_claim(self.spec.request)) if self.spec else (self.claim,)

    @property
    def info(self) -> JobInfo:
        """The job's state by this row alone; the engine's may be newer."""
        spec = self.spec
        return JobInfo(
            name=self.name,
            status=self.status,
            message=self.message,
            image=spec.image if spec else "",
            argv=spec.argv if spec else (),
            finished_at=self.finished_at,
            request=self.request,
            created_at=self.created_at,
            details=self.details,
            reason=self.reason if self.phase in WITH_REASON and self.status is not JobStatus.SUCCEEDED else "",
        )

    @property
    def interrupted(self) -> bool:
        """Whether the job is in a phase that needs an owner, and has no living one."""
        return self.phase in OWNED and not self.owned

    @property
    def attempt(self) -> str:
        """The first claim of this attempt of the job: no other attempt has it."""
        return self.claims[-1]

    @property
    def to_cancel(self) -> bool:
        """Whether a client has cancelled this attempt, which has not ended yet."""
        return self.cancel_request == self.attempt and self.phase in ACTIVE

    @property
    def ends_cancelled(self) -> bool:
        """Whether what is being removed is a cancelled submission, whose record is kept."""
        return self.phase is Phase.REMOVING and self.cancel_request == ROLLED_BACK

    @property
    def is_placeholder(self) -> bool:
        """Whether there has been no such job: see ``removals.py``."""
        return self.request == PLACEHOLDER

    @property
    def replaceable(self) -> bool:
        """Whether a ``POST`` may replace the job."""
        return self.phase is Phase.REMOVED or (self.phase is Phase.FINAL and self.status.failed)


@dataclass(frozen=True)
class Claimed:
    """The caller owns the job. previous: the ended job that it replaces, or None."""

    record: Record
    previous: Record | None


@dataclass(frozen=True)
class Blocked:
    """The claim was refused, and nothing written: places of other jobs (``by``) conflict."""

    by: tuple[Held, ...]
