"""The shared data types of the project. Every module may import this one; it imports only ``pfcon.errors``."""

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

JID_MAX_LENGTH = 128  # CUBE uses a prefix of at most 100 characters and a number
_JID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

INCOMING = PurePosixPath("/share/incoming")  # path of a job's inputs in its container, read-only
OUTGOING = PurePosixPath("/share/outgoing")  # path of a job's outputs in its container
LINK_SUFFIX = ".chrislink"


class JobId(str):
    """The client's id of a job. It is valid as a directory name and as a name on every engine."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Validate a jid that a client sent; a leading ``/`` is removed.

        Raises Refused with the violated rule.
        """
        text = text.removeprefix("/")
        if len(text) > JID_MAX_LENGTH:
            raise Refused(f"must have at most {JID_MAX_LENGTH} characters, got {len(text)}")
        if not _JID.fullmatch(text) or ".." in text:
            raise Refused("must be letters, digits, '_', '-' and single '.', and begin with a letter or digit")
        return cls(text)


class JobKind(StrEnum):
    """The purpose of a job. A jid has at most one job of each kind."""

    PLUGIN = "plugin"
    COPY = "copy"
    UPLOAD = "upload"
    DELETE = "delete"

    def engine_name(self, jid: JobId) -> str:
        """Return the job's name on its engine, unique for jid and kind. ``parse_engine_name`` is the inverse.

        The name is the jid and ``-<kind>``. For a plugin job it is the jid alone, unless the jid ends with ``-<kind>``.
        """
        plain = self is JobKind.PLUGIN and _kind_at_the_end(jid) is None
        return jid if plain else f"{jid}-{self.value}"


def parse_engine_name(name: str) -> tuple[JobId, JobKind]:
    """Return jid and kind of an ``engine_name``. Raises Refused for a text that is not the name of a job."""
    kind = _kind_at_the_end(name)
    jid = JobId.parse(name.removesuffix(f"-{kind.value}") if kind else name)
    kind = kind or JobKind.PLUGIN
    if kind.engine_name(jid) != name:
        raise Refused(f"{name!r} can't be the name of a job")
    return jid, kind


def _kind_at_the_end(name: str) -> JobKind | None:
    return next((kind for kind in JobKind if name.endswith(f"-{kind.value}")), None)


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
    def failed(self) -> bool:
        """Whether a job in this status may be posted again."""
        return self in (JobStatus.FAILED, JobStatus.UNDEFINED)


class PluginType(StrEnum):
    """ChRIS plugin types: ``ds`` processes inputs, ``fs`` creates data without inputs, ``ts`` rearranges feeds."""

    DS = "ds"
    FS = "fs"
    TS = "ts"


@dataclass(frozen=True)
class Resources:
    """The resource limits of a job. None means no limit.

    cpu: millicores, 1000 is one core. memory, shm: MiB. workers: parallel processes. pids: processes and threads.
    minutes: the maximal run time, for engines that have such a limit.
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
    """The numeric user and group of a job. None: as in the image."""

    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True)
class Mount:
    """A directory that is mounted into a job. source: relative to storeBase. target: path in the container."""

    source: PurePosixPath
    target: PurePosixPath
    read_only: bool


@dataclass(frozen=True)
class Secret:
    """A secret that an operation needs. It is referenced by name: its value must not be in records.

    The job reads it from files in the read-only directory ``target``, named like the settings' variables. An engine
    without a mechanism for secrets mounts the service's directory of it: see ``StoreBase.secret_source``.
    """

    name: str
    target: PurePosixPath


@dataclass(frozen=True)
class JobSpec:
    """Everything that an engine needs to run a job. Immutable.

    argv: the whole command; replaces the image's entrypoint. request: identifies the client's request (a hex digest);
    an engine stores it with the job and returns it in ``JobInfo.request``.
    env_file: name of the file where the service stores ``env`` while the job waits; engines get ``env`` itself.
    attempt: number of this run of an operation, from 1; pfcon runs an interrupted operation again.
    service: id of the service that creates the job; engines show it to administrators.
    """

    name: str
    jid: JobId
    kind: JobKind
    image: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may contain a user's token
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
        """The directory of the job's outputs, relative to storeBase; None without a mount for them."""
        return next((mount.source for mount in self.mounts if mount.target == OUTGOING), None)

    def to_json(self) -> str:
        """Serialise for a record or a job directory; ``from_json`` is the inverse."""
        return json.dumps(vars(self), default=_plain)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse the output of ``to_json``, also that of earlier releases."""
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
    """The ``default`` of json.dumps. dataclasses.asdict would make a deep copy of every value."""
    return vars(value) if dataclasses.is_dataclass(value) else str(value)


@dataclass(frozen=True)
class JobInfo:
    """The state of a job at one moment.

    message: explains the status to a user (a reason, the progress). finished_at: an aware datetime in UTC.
    request: that of the JobSpec; empty for a job of the engine that pfcon did not create.
    interrupted: whether a failed job was ended from outside: by a signal, or with its engine, node or service. False
    when it ended by itself, exceeded a limit of its own, or was cancelled.
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
        """The command as a shell-quoted text."""
        return shlex.join(self.argv)


class InputRequest(Protocol):
    """The paths of a request, relative to the storage root."""

    @property
    def input_dirs(self) -> tuple[PurePosixPath, ...]:
        """Directories or single files of inputs."""

    @property
    def output_dir(self) -> PurePosixPath | None:
        """The directory for outputs; None if out-of-network."""


@dataclass(frozen=True)
class CopyRequest:
    """The validated ``POST`` of a copy job. Units of limits: see Resources."""

    jid: JobId
    input_dirs: tuple[PurePosixPath, ...]
    output_dir: PurePosixPath
    cpu_limit: int
    memory_limit: int


@dataclass(frozen=True)
class UploadRequest:
    """The validated ``POST`` of an upload job. Units of limits: see Resources."""

    jid: JobId
    job_output_path: PurePosixPath
    cpu_limit: int
    memory_limit: int


@dataclass(frozen=True)
class JobRequest:
    """The validated ``POST`` of a plugin job. Units of limits: see Resources."""

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
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may contain a user's token
    input_dirs: tuple[PurePosixPath, ...] = ()
    output_dir: PurePosixPath | None = None
