"""Validated requests of clients."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Protocol

from pfcon.models.identity import JobId


class PluginType(StrEnum):
    """ChRIS plugin types: ``ds`` processes inputs, ``fs`` creates data without inputs, ``ts`` rearranges feeds."""

    DS = "ds"
    FS = "fs"
    TS = "ts"


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
    time_limit: int | None = None
