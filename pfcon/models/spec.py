"""JobSpec: all that an engine needs to run a job."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Self

from pfcon.models.identity import JobId, JobKind

INCOMING = PurePosixPath("/share/incoming")  # path of a job's inputs in its container, read-only
OUTGOING = PurePosixPath("/share/outgoing")  # path of a job's outputs in its container
LINK_SUFFIX = ".chrislink"


@dataclass(frozen=True)
class Resources:
    """The resource limits of a job. None means no limit.

    cpu: millicores, 1000 is one core. memory, shm: MiB. workers: parallel processes. pids: processes and threads.
    time_limit: the longest time that the job may run, in minutes.
    """

    cpu: int | None = None
    memory: int | None = None
    gpus: int = 0
    workers: int = 1
    shm: int | None = None
    pids: int | None = None
    time_limit: int | None = None


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
class DataPaths:
    """The paths of a job's request in the storage, relative to its root; for the log. output: ``""`` if it has none."""

    inputs: tuple[str, ...] = ()
    output: str = ""


@dataclass(frozen=True)
class JobSpec:
    """Everything that an engine needs to run a job. Immutable.

    argv: the whole command; replaces the image's entrypoint. request: identifies the client's request (a hex digest);
    an engine stores it with the job and returns it in ``JobInfo.request``.
    env_file: name of the file where the service stores ``env`` while the job waits; engines get ``env`` itself.
    attempt: number of this run of an operation, from 1; pfcon runs an interrupted operation again.
    service: id of the service that creates the job; engines show it to administrators. request_id: of the HTTP
    request that has made the job, which is in the log, too.
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
    request_id: str = ""
    paths: DataPaths = DataPaths()

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
            resources=_resources(raw["resources"]),
            user=User(**raw["user"]) if raw["user"] else None,
            labels=tuple((key, value) for key, value in raw["labels"]),
            request=raw["request"],
            secrets=tuple(Secret(s["name"], PurePosixPath(s["target"])) for s in raw.get("secrets", ())),
            env_file=raw.get("env_file", ""),
            attempt=raw.get("attempt", 1),
            service=raw.get("service", ""),
            request_id=raw.get("request_id", ""),
            paths=DataPaths(tuple(raw["paths"]["inputs"]), raw["paths"]["output"]) if "paths" in raw else DataPaths(),
        )


def _resources(raw: dict[str, Any]) -> Resources:
    return Resources(**{("time_limit" if name == "minutes" else name): value for name, value in raw.items()})


def _plain(value: Any) -> Any:
    """The ``default`` of json.dumps. dataclasses.asdict would make a deep copy of every value.

    The time limit has the name that earlier releases know: during a rolling restart, they read it, too.
    """
    if isinstance(value, Resources):
        return {("minutes" if name == "time_limit" else name): limit for name, limit in vars(value).items()}
    return vars(value) if dataclasses.is_dataclass(value) else str(value)
