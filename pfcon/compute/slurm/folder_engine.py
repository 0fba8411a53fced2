"""What the engines of batch systems share: each job is a job of the system and a directory below storeBase.

The directory (see ``folder``) exists longer than the system's record of the job. An engine adds how jobs are submitted,
how their states are read, and how they are ended.
"""

import contextlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from pfcon.compute.base import ComputeEngine, Mine, all_mounts, anyone, require_mine
from pfcon.compute.listed import listed
from pfcon.compute.log import clean_log
from pfcon.compute.slurm import folders
from pfcon.compute.slurm.commands import Commands
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.image_name import ImageName
from pfcon.compute.slurm.images import Images
from pfcon.compute.slurm.node_job import Image, require_possible
from pfcon.compute.sources import require_sources
from pfcon.compute.stopping import Stop
from pfcon.errors import Absent, Conflict, DamagedJob, ImageMissing, Refused, Unreachable
from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.paths import PRIVATE_NAME, StoreBase
from pfcon.reasons import CANCELLED, Why

LOG_BYTES = 1024 * 1024


class FolderEngine(ComputeEngine):
    """Runs jobs as the user who submits them. Below .pfcon, ``name`` has the jobs, ``name``-images unpacked images."""

    log_reads_per_minute = None  # logs are files
    own_time_limit = True
    folder_type: type[JobFolder] = JobFolder

    def __init__(
        self, storebase: StoreBase, nodes_root: PurePosixPath | None, tools: Commands, site: Path | None, cache: int
    ) -> None:
        """nodes_root: the path of storeBase on the nodes; None: the same as here. tools: create images.

        site, cache: see ``Images``. Runs no command.
        """
        self._storebase = storebase
        self._nodes_root = nodes_root or PurePosixPath(storebase.root)
        images = f"{self.name}-images"
        self._images = Images(tools, storebase.private / images, self._nodes(images), site, cache, self._images_in_use)
        with contextlib.suppress(OSError):  # ``check`` reports a storeBase that is missing
            folders.sweep(self._root)

    @abstractmethod
    def _start(self, spec: JobSpec, image: Image) -> None:
        """Create a job's directory and submit it. Raises as ``schedule``."""

    @abstractmethod
    def _resume(self, folder: JobFolder, spec: JobSpec, image: Image) -> None:
        """Submit a job whose submission was interrupted by a crash. Raises as ``schedule``."""

    @abstractmethod
    def _state(self, folder: JobFolder) -> JobInfo:
        """Return the state of a job, and record its end. Raises Absent, Unreachable, OSError."""

    @abstractmethod
    def _request_end(self, folder: JobFolder) -> None:
        """End a job of which ``cancel`` was recorded, with a grace. Raises Absent, Unreachable, OSError."""

    @abstractmethod
    def _force_end(self, folder: JobFolder) -> None:
        """End a job whose directory contains ``now``, and wait until no process of it runs. Raises as above."""

    @abstractmethod
    def _list_active(self, root: Path) -> dict[str, str]:
        """Return what ``active_jobs`` returns. Raises Unreachable, OSError."""

    def schedule(self, spec: JobSpec) -> JobInfo:
        """See ComputeEngine. A refusal has the batch system's own text."""
        with self._storage(f"start {spec.name}"):
            self._storebase.private_dir(self.name)
            require_possible(spec)
            self._require_sources(spec)
            folder = self._existing(spec.name)
            if folder and folder.id:
                raise Conflict(f"a job {spec.name} already exists on {self.name}")
            image = self._images.find(ImageName.parse(spec.image))
            if image is None:
                raise ImageMissing(f"fetching image {spec.image}")
            if folder:
                self._resume(folder, spec, image)
            else:
                self._start(spec, image)
        # The state is not requested: that would take as long as submitting.
        return JobInfo(spec.name, JobStatus.NOT_STARTED, "", spec.image, spec.argv, request=spec.request)

    def prepare(self, spec: JobSpec, report: Callable[[str], None], stop: Stop) -> None:
        """See ComputeEngine: fetch and unpack the image, once for all jobs and services."""
        with self._storage(f"prepare image {spec.image}"):
            self._storebase.private_dir(f"{self.name}-images")
            self._images.prepare(ImageName.parse(spec.image), report, stop)

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        """See ComputeEngine. All calls within one second share one request to the batch system."""
        with self._storage(f"read the state of {name}"):
            return self._state(self._open(name, mine))

    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """See ComputeEngine; the batch system is not asked."""
        with self._storage(f"read the log of {name}"):
            folder = self._open(name, mine)
            return clean_log(folder.job_log(tail_lines, LOG_BYTES))

    def open_log(self, name: str, mine: Mine = anyone) -> int | None:
        """See ComputeEngine."""
        with self._storage(f"read the log of {name}"):
            return self._open(name, mine).open_log()

    def cancel(self, name: str, mine: Mine = anyone, why: Why = CANCELLED) -> None:
        """See ComputeEngine: SIGTERM, and SIGKILL after a grace; returns when the job has ended, or is being ended."""
        with self._storage(f"cancel {name}"):
            folder = self._open(name, mine)
            if self._state(folder).status.ended:
                return  # not if the state is unknown: the job may still run
            if not folder.has("cancel"):
                folder.write("cancel", why.note())
            self._request_end(folder)

    def remove(self, name: str, mine: Mine = anyone) -> None:
        """See ComputeEngine: SIGKILL, without grace; then all files of the job are deleted."""
        with self._storage(f"remove {name}"), contextlib.suppress(Absent):
            folder = self._open_any(name)
            if folder.path.exists():
                require_mine(name, folder.spec().request, mine)
                folder.write("now", "")
                self._force_end(folder)
            folder.remove()

    def active_jobs(self) -> Mapping[str, str]:
        """See ComputeEngine. Shares a request with ``info``."""
        return self._list(self._list_active)

    def jobs(self) -> Mapping[str, str]:
        """See ComputeEngine; the batch system is not asked."""
        return self._list(folders.requests)

    def _list(self, read: Callable[[Path], dict[str, str]]) -> dict[str, str]:
        with self._storage("list jobs"):
            return listed(read, self._root, self._storebase)

    @property
    def _root(self) -> Path:
        return self._storebase.private / self.name

    def _nodes(self, name: str) -> PurePosixPath:
        """Return the path of a directory of pfcon's own on the nodes."""
        return self._nodes_root / PRIVATE_NAME / name

    def _existing(self, name: str) -> JobFolder | None:
        try:
            folder = self.folder_type.open(self._root, name)
        except Absent:
            return None
        if not folder.path.exists():  # an administrator has removed it
            folder.remove()
            return None
        return folder

    def _require_sources(self, spec: JobSpec) -> None:
        try:
            require_sources(all_mounts(spec), self._storebase.root)
        except Refused:
            self._require_storebase()
            raise

    def _require_storebase(self) -> None:
        if not self._storebase.root.is_dir():
            raise Unreachable(f"{self._storebase.root} (STOREBASE_MOUNT) does not exist")

    def _open(self, name: str, mine: Mine) -> JobFolder:
        folder = self._open_any(name)
        spec = folder.spec()
        require_mine(name, spec.request, mine, service=spec.service, ended=lambda: folder.has("end.json"))
        return folder

    def _open_any(self, name: str) -> JobFolder:
        try:
            return self.folder_type.open(self._root, name)
        except Absent:
            self._require_storebase()  # if all of storeBase is missing, the job may still exist
            raise

    def _images_in_use(self) -> set[str]:
        """Return the names of the images of jobs that have not ended; those of damaged jobs are unknown."""
        used = set()
        for link in self._root.iterdir():
            if link.is_symlink():
                with contextlib.suppress(Absent, DamagedJob, OSError):
                    folder = self.folder_type.open(self._root, link.name)
                    if not folder.has("end.json"):
                        used.add(folder.spec().image)
        return used

    @contextlib.contextmanager
    def _storage(self, action: str) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            raise Unreachable(f"the {self.name} engine can't {action}: {fault.strerror or fault}") from fault
