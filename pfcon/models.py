"""The project's vocabulary as types. Everyone may import this module; it imports nobody but errors."""

import dataclasses
import json
import re
import shlex
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Protocol, Self

from pfcon.errors import Refused

JID_MAX_LENGTH = 128  # CUBE: a prefix of at most 100 characters and a number
_JID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

INCOMING = PurePosixPath("/share/incoming")  # where a job finds its inputs, read-only
OUTGOING = PurePosixPath("/share/outgoing")  # where a job writes its outputs
LINK_SUFFIX = ".chrislink"


class JobId(str):
    """The client's name of a job, safe as a directory name and as a name on every engine."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check a jid as a client sent it; a leading ``/`` is dropped.

        Raises Refused with the rule that was broken.
        """
        text = text.removeprefix("/")
        if len(text) > JID_MAX_LENGTH:
            raise Refused(f"must have at most {JID_MAX_LENGTH} characters, got {len(text)}")
        if not _JID.fullmatch(text) or ".." in text:
            raise Refused("must be letters, digits, '_', '-' and single '.', and begin with a letter or digit")
        return cls(text)


class JobKind(StrEnum):
    """What a job is for. A jid has at most one job of each kind."""

    PLUGIN = "plugin"
    COPY = "copy"
    UPLOAD = "upload"
    DELETE = "delete"

    def engine_name(self, jid: JobId) -> str:
        """The job's name on its engine; ``parse_engine_name`` reads it, and no two jobs have the same one.

        A plugin's is its jid. Only where that ends as the name of another kind does, its own kind is added.
        """
        plain = self is JobKind.PLUGIN and _kind_at_the_end(jid) is None
        return jid if plain else f"{jid}-{self.value}"


def parse_engine_name(name: str) -> tuple[JobId, JobKind]:
    """The job whose ``JobKind.engine_name`` is ``name``. Raises Refused for a text that is no job's name."""
    kind = _kind_at_the_end(name)
    jid = JobId.parse(name.removesuffix(f"-{kind.value}") if kind else name)
    kind = kind or JobKind.PLUGIN
    if kind.engine_name(jid) != name:
        raise Refused(f"{name!r} can't be the name of a job")
    return jid, kind


def _kind_at_the_end(name: str) -> JobKind | None:
    return next((kind for kind in JobKind if name.endswith(f"-{kind.value}")), None)


class JobStatus(StrEnum):
    """What clients are told of a job's progress."""

    NOT_STARTED = "notStarted"
    STARTED = "started"
    SUCCEEDED = "finishedSuccessfully"
    FAILED = "finishedWithError"
    UNDEFINED = "undefined"

    @property
    def final(self) -> bool:
        """Whether the job has ended; a final status never changes."""
        return self not in (JobStatus.NOT_STARTED, JobStatus.STARTED)

    @property
    def failed(self) -> bool:
        """Whether a job in this status may be posted again."""
        return self in (JobStatus.FAILED, JobStatus.UNDEFINED)


class PluginType(StrEnum):
    """ChRIS plugin types: ``ds`` has inputs, ``fs`` makes data from nothing, ``ts`` rearranges feeds."""

    DS = "ds"
    FS = "fs"
    TS = "ts"


@dataclass(frozen=True)
class Resources:
    """What a job may use. None means no limit.

    cpu: millicores, 1000 is one core. memory, shm: MiB. workers: parallel processes. pids: processes and threads.
    minutes: how long the job may run, where its engine limits that.
    """

    cpu: int | None = None
    memory: int | None = None
    gpus: int = 0
    workers: int = 1
    shm: int | None = None
    pids: int | None = None
    minutes: int | None = None


@dataclass(frozen=True)
class User:
    """Numeric identity of a job; a part that is None stays as the image has it."""

    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True)
class Mount:
    """A directory below storeBase that a job sees. ``source`` is relative to storeBase; engines add their root."""

    source: PurePosixPath
    target: PurePosixPath
    read_only: bool


@dataclass(frozen=True)
class Secret:
    """What a job of pfcon's own has to know and no record may hold, by its name alone.

    The job finds it in the read-only directory ``target``, as files named like the settings' variables. An engine
    without secrets of its own mounts the directory that the service keeps for it: see ``StoreBase.secret_source``.
    """

    name: str
    target: PurePosixPath


@dataclass(frozen=True)
class JobSpec:
    """Everything an engine needs to run a job; built once, then unchanged.

    ``argv`` is the whole command and replaces the image's entrypoint. ``request`` identifies the client's
    request (a hex digest): an engine stores it with the job and gives it back in ``JobInfo.request``.
    ``env_file`` names where the service keeps ``env`` while the job waits for its engine; engines get ``env`` itself.
    ``attempt`` counts the runs of an operation, which pfcon runs again when it was interrupted.
    ``service`` is the id of the service that makes the job: engines show it to people.
    """

    name: str
    jid: JobId
    kind: JobKind
    image: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may hold a user's token
    mounts: tuple[Mount, ...] = ()
    resources: Resources = Resources()
    user: User | None = None
    labels: tuple[tuple[str, str], ...] = ()
    request: str = ""
    secrets: tuple[Secret, ...] = ()
    env_file: str = ""
    attempt: int = 1
    service: str = ""

    @property
    def outputs(self) -> PurePosixPath | None:
        """Where the job's outputs are, relative to storeBase."""
        return next((mount.source for mount in self.mounts if mount.target == OUTGOING), None)

    def to_json(self) -> str:
        """Serialise for a record or a job directory; ``from_json`` is the inverse."""
        return json.dumps(vars(self), default=_plain)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote, also that of earlier releases."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            name=raw["name"],
            jid=JobId(raw["jid"]),
            kind=JobKind(raw["kind"]),
            image=raw["image"],
            argv=tuple(raw["argv"]),
            env=tuple((key, value) for key, value in raw["env"]),
            mounts=tuple(
                Mount(PurePosixPath(m["source"]), PurePosixPath(m["target"]), m["read_only"]) for m in raw["mounts"]
            ),
            resources=Resources(**raw["resources"]),
            user=User(**raw["user"]) if raw["user"] else None,
            labels=tuple((key, value) for key, value in raw["labels"]),
            request=raw["request"],
            secrets=tuple(Secret(s["name"], PurePosixPath(s["target"])) for s in raw.get("secrets", ())),
            env_file=raw.get("env_file", ""),
            attempt=raw.get("attempt", 1),
            service=raw.get("service", ""),
        )


def _plain(value: Any) -> Any:
    """For json.dumps; dataclasses.asdict would copy every value deeply before."""
    return vars(value) if dataclasses.is_dataclass(value) else str(value)


@dataclass(frozen=True)
class JobInfo:
    """What is known of a job at one moment.

    ``message`` explains the status to a user (a reason, a progress). ``finished_at`` is aware, in UTC.
    ``request`` is that of the JobSpec, empty where the engine's job was not made by pfcon.
    ``interrupted``: a failed job did not end by itself, nor for a limit of its own, nor did anybody cancel it: it was
    killed from outside, or with its engine, its node or the service beside which it ran.
    """

    name: str
    status: JobStatus
    message: str = ""
    image: str = ""
    argv: tuple[str, ...] = ()
    finished_at: datetime | None = None
    request: str = ""
    interrupted: bool = False

    @property
    def cmd(self) -> str:
        """The command as one shell-quoted text."""
        return shlex.join(self.argv)


class InputRequest(Protocol):
    """What of a request says where data come from and go; paths are relative to the storage root."""

    @property
    def input_dirs(self) -> tuple[PurePosixPath, ...]:
        """Directories or single files."""

    @property
    def output_dir(self) -> PurePosixPath | None:
        """Where outputs belong; None out-of-network."""


@dataclass(frozen=True)
class CopyRequest:
    """A client's ``POST`` of a copy job, checked and typed. Limits: see Resources."""

    jid: JobId
    input_dirs: tuple[PurePosixPath, ...]
    output_dir: PurePosixPath
    cpu_limit: int
    memory_limit: int


@dataclass(frozen=True)
class UploadRequest:
    """A client's ``POST`` of an upload job, checked and typed. Limits: see Resources."""

    jid: JobId
    job_output_path: PurePosixPath
    cpu_limit: int
    memory_limit: int


@dataclass(frozen=True)
class JobRequest:
    """A client's ``POST`` of a plugin job, checked and typed. Limits: see Resources."""

    jid: JobId
    image: str
    entrypoint: tuple[str, ...]
    type: PluginType
    auid: str
    number_of_workers: int
    cpu_limit: int
    memory_limit: int
    gpu_limit: int
    args: tuple[str, ...] = ()
    args_path_flags: frozenset[str] = frozenset()
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may hold a user's token
    input_dirs: tuple[PurePosixPath, ...] = ()
    output_dir: PurePosixPath | None = None
