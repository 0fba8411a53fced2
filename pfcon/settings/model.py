"""The settings as frozen, typed values. No I/O; ``read`` makes them, ``rules`` checks how they go together."""

import random
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath

from pfcon.models import User


class Mode(StrEnum):
    """APPLICATION_MODE."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


class StorageName(StrEnum):
    """STORAGE_ENV."""

    ZIPFILE = "zipfile"
    FILESYSTEM = "filesystem"
    FSLINK = "fslink"
    SWIFT = "swift"
    S3 = "s3"


class EngineName(StrEnum):
    """CONTAINER_ENV, without its aliases."""

    DOCKER = "docker"
    SWARM = "swarm"
    KUBERNETES = "kubernetes"
    SLURM = "slurm"
    CROMWELL = "cromwell"
    PROCESS = "process"


class SwiftAuth(StrEnum):
    """SWIFT_AUTH_VERSION: Swift's own tokens (1), or Keystone's (2, 3)."""

    V1 = "1"
    V2 = "2"
    V3 = "3"


class VolumeType(StrEnum):
    """COMPUTE_VOLUME_TYPE: how an engine reaches storeBase."""

    DOCKER_LOCAL_VOLUME = "docker_local_volume"
    HOST = "host"
    KUBERNETES_PVC = "kubernetes_pvc"


@dataclass(frozen=True)
class AuthSettings:
    """Who may use this service, and the key that signs their tokens; ``previous_key`` only verifies them."""

    user: str
    password: str = field(repr=False)
    secret_key: str = field(repr=False)
    previous_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ServerSettings:
    """The HTTP server. Times are in seconds.

    ``idle_timeout``: a connection that moves no byte for so long in a transfer is closed.
    ``header_timeout``: a request whose head, or then whose body, takes longer is refused; uploads may take longer.
    ``graceful_timeout``: how long running requests may go on after a stop was asked for.
    """

    host: str
    port: int
    workers: int
    threads: int
    graceful_timeout: int
    header_timeout: int
    idle_timeout: int


@dataclass(frozen=True)
class UploadLimits:
    """Bounds on what a client may send. Sizes are in bytes; 0 is no limit, except for ``form_bytes``."""

    upload_bytes: int
    unpacked_bytes: int
    files: int
    ratio: int
    free_bytes: int
    form_bytes: int


@dataclass(frozen=True)
class SwiftSettings:
    """A Swift account and container. What follows ``auth_version`` is for Keystone."""

    auth_url: str
    username: str
    key: str = field(repr=False)
    container: str
    auth_version: SwiftAuth = SwiftAuth.V1
    project_name: str | None = None
    project_domain_name: str | None = None
    user_domain_name: str | None = None
    region_name: str | None = None


@dataclass(frozen=True)
class S3Settings:
    """An S3 bucket."""

    endpoint_url: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str
    bucket: str


@dataclass(frozen=True)
class StorageSettings:
    """Where inputs come from and outputs go. ``create``: make a container or bucket that is missing.

    passable: see StoreBase.
    """

    name: StorageName
    innetwork: bool
    storebase_mount: Path
    limits: UploadLimits
    swift: SwiftSettings | None = None
    s3: S3Settings | None = None
    create: bool = False
    passable: bool = False


@dataclass(frozen=True)
class IdRange:
    """An inclusive range of numeric ids; a single id has ``low == high``."""

    low: int
    high: int

    def choose(self) -> int:
        """A random id of the range."""
        return random.randint(self.low, self.high)  # noqa: S311 - spreads ids, protects nothing


@dataclass(frozen=True)
class ContainerUser:
    """CONTAINER_USER; a part that is None stays as the image has it."""

    uid: IdRange | None
    gid: IdRange | None

    def choose(self) -> User:
        """The identity for one job."""
        return User(self.uid.choose() if self.uid else None, self.gid.choose() if self.gid else None)


@dataclass(frozen=True)
class DockerSettings:
    """How to reach a Docker API; the meaning is that of the Docker client's own variables."""

    host: str | None
    tls_verify: bool
    cert_path: Path | None


@dataclass(frozen=True)
class KubernetesSettings:
    """Where Kubernetes Jobs go. ``kubeconfig`` None: the account of the pod that this is, else kubectl's own file."""

    namespace: str
    node_selector: tuple[tuple[str, str], ...]
    image_pull_secrets: tuple[str, ...]
    kubeconfig: str | None = None


class LauncherName(StrEnum):
    """SLURM_LAUNCHER: what runs the container of a Slurm job on its node."""

    CRUN = "crun"
    RUNC = "runc"
    CHARLIECLOUD = "charliecloud"
    APPTAINER = "apptainer"
    SINGULARITY = "singularity"
    PODMAN = "podman"
    ENROOT = "enroot"
    CONTAINER = "container"


@dataclass(frozen=True)
class SlurmSettings:
    """Where Slurm jobs go, and how their containers run.

    gres: what ``--gres`` calls a GPU. options: further words for sbatch. prefix: words before every command.
    timeout: seconds that a command may take. images: a directory of the site's own images. cache: bytes, 0 is no limit.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gres: str = "gpu"
    options: tuple[str, ...] = ()
    launcher: LauncherName = LauncherName.CRUN
    prefix: tuple[str, ...] = ()
    timeout: int = 30
    images: Path | None = None
    cache: int = 256 * 2**30


@dataclass(frozen=True)
class ComputeSettings:
    """The engine, and the options of jobs that hold for all of them.

    shm: MiB. pids: processes and threads of one job. timelimit: minutes. log_bytes: of a log that pfcon itself keeps.
    """

    engine: EngineName
    volume_type: VolumeType
    storebase: PurePosixPath | None
    volume_name: str | None
    selector: str
    op_image: str | None
    user: ContainerUser | None
    home_workaround: bool
    shm: int | None
    pids: int
    labels: tuple[tuple[str, str], ...]
    logs_tail: int
    ignore_limits: bool
    remove_jobs: bool
    docker: DockerSettings
    kubernetes: KubernetesSettings
    slurm: SlurmSettings
    timelimit: int | None
    cromwell_url: str | None
    log_bytes: int = 64 * 2**20


@dataclass(frozen=True)
class Settings:
    """All of pfcon's configuration. ``database_url`` is SQLAlchemy's; None is SQLite below storeBase."""

    mode: Mode
    auth: AuthSettings
    server: ServerSettings
    storage: StorageSettings
    compute: ComputeSettings
    delete_active: str
    database_url: str | None = field(repr=False)

    @property
    def production(self) -> bool:
        """Whether this is a production server."""
        return self.mode is Mode.PRODUCTION
