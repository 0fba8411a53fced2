"""The state of a job, as an engine reports it and clients see it."""

import shlex
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pfcon.reasons import Why


class JobStatus(StrEnum):
    """The status of a job in responses to clients."""

    NOT_STARTED = "notStarted"
    STARTED = "started"
    SUCCEEDED = "finishedSuccessfully"
    FAILED = "finishedWithError"
    UNDEFINED = "undefined"

    @property
    def final(self) -> bool:
        """Whether the job has ended: such a status never changes."""
        return self not in (JobStatus.NOT_STARTED, JobStatus.STARTED)

    @property
    def ended(self) -> bool:
        """Whether the job has certainly ended: unlike ``final``, not UNDEFINED, of which the engine cannot say that."""
        return self in (JobStatus.SUCCEEDED, JobStatus.FAILED)

    @property
    def failed(self) -> bool:
        """Whether a job in this status may be posted again."""
        return self in (JobStatus.FAILED, JobStatus.UNDEFINED)


@dataclass(frozen=True)
class RunDetails:
    """What an engine reports about the run of a job, besides its status. None: the engine does not know.

    started_at: when its command started, an aware datetime in UTC; of several workers, the first one's. exit_code: 0 to
    255, of the command; 128 + N if signal N has killed it; of several workers, that of the one that failed. node: the
    name of the machine that runs it; of several workers, the names, separated by commas. image_digest: ``sha256:...``
    of the image that runs: the digest of its manifest if the engine reports that, otherwise the image id, which is the
    digest of its configuration. max_memory: the largest memory use, in bytes; of the process engine, that of the
    largest one of its processes. cpu_seconds: the CPU time of all processes, in user and in system mode.
    placed_at: when the engine had found a place for the job, such as a node, an aware datetime in UTC; of several
    workers, for the first one. Before it, the job waited; after it, the image is fetched and the container made.
    """

    started_at: datetime | None = None
    exit_code: int | None = None
    node: str | None = None
    image_digest: str | None = None
    max_memory: int | None = None
    cpu_seconds: float | None = None
    placed_at: datetime | None = None

    def known(self) -> dict[str, Any]:
        """Return the values that are not None, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def updated(self, newer: "RunDetails") -> "RunDetails":
        """Return these details with those that ``newer`` knows: an engine may forget some when a job ends.

        The earlier ``placed_at`` stays: the service may have fetched the image for the place already.
        """
        placed = min(filter(None, (self.placed_at, newer.placed_at)), default=None)
        return replace(self, **{**newer.known(), "placed_at": placed})


@dataclass(frozen=True)
class JobInfo:
    """The state of a job at one moment.

    message: explains the status to a user (a reason, the progress). finished_at: an aware datetime in UTC.
    request: that of the JobSpec; empty for a job of the engine that pfcon did not create.
    interrupted: whether a failed job was ended from outside: by a signal, or with its engine, node or service. False
    when it ended by itself, exceeded a limit of its own, or was cancelled.
    reason: a code of why the job failed, or can't start now: a ``Reason``, or that of an engine of a site's own; ``""``
    if there is none.
    created_at: when pfcon has accepted the job, an aware datetime in UTC; engines do not set it.
    detail: the words of the engine about the reason, for the service's log.
    time_limit: that of the JobSpec, in minutes, as the engine shows it; None if the job has none, or if the engine
    stops the job itself.
    """

    name: str
    status: JobStatus
    message: str = ""
    image: str = ""
    argv: tuple[str, ...] = ()
    finished_at: datetime | None = None
    request: str = ""
    interrupted: bool = False
    details: RunDetails = RunDetails()
    reason: str = ""
    created_at: datetime | None = None
    time_limit: int | None = None
    detail: str = field(default="", compare=False)

    def because(self, why: Why) -> "JobInfo":
        """Return this state with its reason."""
        return replace(self, message=why.message, interrupted=why.interrupted, reason=why.reason, detail=why.detail)

    @property
    def cmd(self) -> str:
        """The command as a shell-quoted text."""
        return shlex.join(self.argv)
