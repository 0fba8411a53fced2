"""The slurm engine: each job is a Slurm job, and a directory below storeBase that exists longer than Slurm's record."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from pfcon.compute.base import ComputeEngine, Mine, all_mounts, anyone, require_mine
from pfcon.compute.listed import listed
from pfcon.compute.log import clean_log
from pfcon.compute.settings import ComputeSettings
from pfcon.compute.slurm import listing
from pfcon.compute.slurm.cancelling import Canceller
from pfcon.compute.slurm.commands import Commands
from pfcon.compute.slurm.folder import JobFolder, sweep
from pfcon.compute.slurm.image_name import ImageName
from pfcon.compute.slurm.images import Images
from pfcon.compute.slurm.launchers import launcher_of
from pfcon.compute.slurm.node_job import require_possible
from pfcon.compute.slurm.parsing import queue_command, queue_rows
from pfcon.compute.slurm.probe import Probe, probe_spec
from pfcon.compute.slurm.queue import Queue
from pfcon.compute.slurm.settings import SlurmSettings
from pfcon.compute.slurm.site import SiteFacts
from pfcon.compute.slurm.status import StatusReader
from pfcon.compute.slurm.submitter import Submitter
from pfcon.compute.sources import require_sources
from pfcon.compute.stopping import Stop
from pfcon.errors import Absent, Conflict, DamagedJob, ImageMissing, Refused, Unreachable
from pfcon.models import JobInfo, JobSpec, JobStatus
from pfcon.paths import PRIVATE_NAME, StoreBase
from pfcon.reasons import CANCELLED, Why

FOLDER, IMAGES = "slurm", "slurm-images"  # below .pfcon
LOG_BYTES = 1024 * 1024
STALENESS = 1.0  # seconds for which one answer of squeue is used
PATIENCE = 60.0  # seconds before a job is ended that Slurm can never run, or has not received
STOP_GRACE = 10  # seconds between SIGTERM and SIGKILL; less if KillWait is below 12 s, see Submitter; ``remove``: none


class SlurmEngine(ComputeEngine):
    """Runs jobs on a cluster, as the user who submits, in containers that ``SLURM_LAUNCHER`` runs."""

    name = "slurm"
    log_reads_per_minute = None  # logs are files
    own_time_limit = True

    def __init__(
        self,
        settings: ComputeSettings,
        own: SlurmSettings,
        storebase: StoreBase,
        *,
        staleness: float = STALENESS,
        patience: float = PATIENCE,
        stop_grace: int = STOP_GRACE,
    ) -> None:
        """``staleness``, ``patience``, ``stop_grace``: seconds, see the constants of these names. Runs no command."""
        self._settings = own
        self._storebase = storebase
        self._nodes_root = settings.storebase or PurePosixPath(storebase.root)
        minutes = settings.timelimit or 1
        self._commands = commands = Commands(self._settings.prefix, self._settings.timeout)
        self._queue = queue = Queue(lambda: queue_rows(commands.run(queue_command())), staleness)
        self._site = site = SiteFacts(commands)
        nodes_folder = self._nodes(FOLDER)
        self._submitter = Submitter(
            commands,
            queue,
            site,
            self._settings,
            minutes,
            stop_grace,
            self._root,
            self._nodes_root,
            nodes_folder,
            settings.log_bytes,
        )
        self._canceller = canceller = Canceller(commands, queue, site, stop_grace)
        self._status = StatusReader(
            commands, queue, site, canceller, launcher_of(self._settings), patience, nodes_folder
        )
        self._lister = listing.Lister(queue, patience)
        self._images = Images(
            commands,
            storebase.private / IMAGES,
            self._nodes(IMAGES),
            self._settings.images,
            self._settings.cache,
            self._images_in_use,
        )
        with contextlib.suppress(OSError):  # ``check`` reports a storeBase that is missing
            sweep(self._root)

    @property
    def _root(self) -> Path:
        return self._storebase.private / FOLDER

    def _nodes(self, name: str) -> PurePosixPath:
        """Return the path of a directory of pfcon's own on the nodes."""
        return self._nodes_root / PRIVATE_NAME / name

    def schedule(self, spec: JobSpec) -> JobInfo:
        """See ComputeEngine. A refusal has Slurm's own text."""
        with self._storage(f"start {spec.name}"):
            self._storebase.private_dir(FOLDER)
            require_possible(spec, self._site.user())
            self._require_sources(spec)
            folder = self._existing(spec.name)
            if folder and folder.id:
                raise Conflict(f"a job {spec.name} already exists on slurm")
            image = self._images.find(ImageName.parse(spec.image))
            if image is None:
                raise ImageMissing(f"fetching image {spec.image}")
            if folder:
                self._submitter.resume(folder, spec, image)
            else:
                self._submitter.start(spec, image)
        # The state is not requested: squeue takes as long as sbatch.
        return JobInfo(spec.name, JobStatus.NOT_STARTED, "", spec.image, spec.argv, request=spec.request)

    def _existing(self, name: str) -> JobFolder | None:
        try:
            folder = JobFolder.open(self._root, name)
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

    def prepare(self, spec: JobSpec, report: Callable[[str], None], stop: Stop) -> None:
        """See ComputeEngine: fetch and unpack the image, once for all jobs and services."""
        with self._storage(f"prepare image {spec.image}"):
            self._storebase.private_dir(IMAGES)
            self._images.prepare(ImageName.parse(spec.image), report, stop)

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        """See ComputeEngine. All calls within one second share one squeue."""
        with self._storage(f"read the state of {name}"):
            return self._status.info(self._open(name, mine))

    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """See ComputeEngine; Slurm is not asked."""
        with self._storage(f"read the log of {name}"):
            folder = self._open(name, mine)
            return clean_log(folder.job_log(tail_lines, LOG_BYTES))

    def cancel(self, name: str, mine: Mine = anyone, why: Why = CANCELLED) -> None:
        """See ComputeEngine: SIGTERM, and SIGKILL after a grace; returns when the job has ended, or Slurm ends it."""
        with self._storage(f"cancel {name}"):
            folder = self._open(name, mine)
            if self._status.info(folder).status.ended:
                return  # not if the state is unknown: Slurm may still run it
            if not folder.has("cancel"):
                folder.write("cancel", why.note())
            if not self._canceller.request_end(folder):
                self._canceller.scancel(folder)

    def remove(self, name: str, mine: Mine = anyone) -> None:
        """See ComputeEngine: SIGKILL, without grace; then all files of the job are deleted."""
        with self._storage(f"remove {name}"), contextlib.suppress(Absent):
            folder = self._open_any(name)
            if folder.path.exists():
                require_mine(name, folder.spec().request, mine)
                folder.write("now", "")
                if not self._canceller.request_end(folder):
                    self._canceller.force_end(folder)
            folder.remove()

    def active_jobs(self) -> Mapping[str, str]:
        """See ComputeEngine. Shares squeue with ``info``."""
        return self._list(self._lister.active_jobs)

    def jobs(self) -> Mapping[str, str]:
        """See ComputeEngine; Slurm is not asked."""
        return self._list(listing.requests)

    def _list(self, read: Callable[[Path], dict[str, str]]) -> dict[str, str]:
        with self._storage("list jobs"):
            return listed(read, self._root, self._storebase)

    def check(self) -> str:
        """See ComputeEngine: a probe job reports what is missing on its node. Raises Refused with all of that."""
        with self._storage("run jobs"):
            facts = self._site.facts()
            self._storebase.private_dir(FOLDER)
            folder = JobFolder.prepare(self._root, probe_spec())
            try:
                probe = Probe(self._commands, self._queue, self._settings, self._site.user(), facts.cgroups)
                node = probe.run(folder, self._nodes(FOLDER) / folder.path.name)
            finally:
                shutil.rmtree(folder.path, ignore_errors=True)
        return f"Slurm {facts.version} ({facts.cluster}); {node} runs jobs with {self._settings.launcher}"

    def _open(self, name: str, mine: Mine) -> JobFolder:
        folder = self._open_any(name)
        spec = folder.spec()
        require_mine(name, spec.request, mine, service=spec.service, ended=lambda: folder.has("end.json"))
        return folder

    def _open_any(self, name: str) -> JobFolder:
        try:
            return JobFolder.open(self._root, name)
        except Absent:
            self._require_storebase()  # if all of storeBase is missing, the job may still exist
            raise

    def _images_in_use(self) -> set[str]:
        """Return the names of the images of jobs that have not ended; those of damaged jobs are unknown."""
        used = set()
        for link in self._root.iterdir():
            if link.is_symlink():
                with contextlib.suppress(Absent, DamagedJob, OSError):
                    folder = JobFolder.open(self._root, link.name)
                    if not folder.has("end.json"):
                        used.add(folder.spec().image)
        return used

    @contextlib.contextmanager
    def _storage(self, action: str) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            raise Unreachable(f"the slurm engine can't {action}: {fault.strerror or fault}") from fault
