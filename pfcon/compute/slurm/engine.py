"""The slurm engine: each job is a Slurm job, and a directory below storeBase that exists longer than Slurm's record."""

import shutil
from pathlib import Path

from pfcon.compute.settings import ComputeSettings
from pfcon.compute.slurm.abilities import option_faults
from pfcon.compute.slurm.cancelling import Canceller
from pfcon.compute.slurm.commands import Commands
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.folder_engine import FolderEngine
from pfcon.compute.slurm.launchers import launcher_of
from pfcon.compute.slurm.listing import Lister
from pfcon.compute.slurm.node_job import Image
from pfcon.compute.slurm.parsing import queue_command, queue_rows
from pfcon.compute.slurm.probe import Probe, probe_spec
from pfcon.compute.slurm.queue import Queue
from pfcon.compute.slurm.settings import SlurmSettings
from pfcon.compute.slurm.site import SiteFacts
from pfcon.compute.slurm.status import StatusReader
from pfcon.compute.slurm.submitter import Submitter
from pfcon.models import JobInfo, JobSpec
from pfcon.paths import StoreBase

STALENESS = 1.0  # seconds for which one answer of squeue is used
PATIENCE = 60.0  # seconds before a job is ended that Slurm can never run, or has not received
STOP_GRACE = 10  # seconds between SIGTERM and SIGKILL; less if KillWait is below 12 s, see Submitter; ``remove``: none


class SlurmEngine(FolderEngine):
    """Runs jobs on a cluster, as the user who submits, in containers that ``SLURM_LAUNCHER`` runs."""

    name = "slurm"

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
        self._commands = commands = Commands(own.prefix, own.timeout)
        super().__init__(storebase, settings.storebase, commands, own.images, own.cache)
        self._settings, self._options = own, settings
        self._queue = queue = Queue(lambda: queue_rows(commands.run(queue_command())), staleness)
        self._site = site = SiteFacts(commands)
        nodes_folder = self._nodes(self.name)
        self._submitter = Submitter(
            commands,
            self._root,
            settings.timelimit or 1,
            self.folder_type,
            "Slurm",
            queue,
            site,
            own,
            stop_grace,
            self._nodes_root,
            nodes_folder,
            settings.log_bytes,
        )
        self._canceller = canceller = Canceller(commands, queue, site, stop_grace)
        launcher = launcher_of(own)
        self._status = StatusReader(commands, queue, site, canceller, launcher, patience, nodes_folder, own.selected)
        self._lister = Lister(queue.rows, patience)

    def _start(self, spec: JobSpec, image: Image) -> None:
        self._submitter.start(spec, image)

    def _resume(self, folder: JobFolder, spec: JobSpec, image: Image) -> None:
        self._submitter.resume(folder, spec, image)

    def _state(self, folder: JobFolder) -> JobInfo:
        return self._status.info(folder)

    def _request_end(self, folder: JobFolder) -> None:
        if not self._canceller.request_end(folder):
            self._canceller.scancel(folder)

    def _force_end(self, folder: JobFolder) -> None:
        if not self._canceller.request_end(folder):
            self._canceller.force_end(folder)

    def _list_active(self, root: Path) -> dict[str, str]:
        return self._lister.active_jobs(root)

    def check(self) -> str:
        """See ComputeEngine: a probe job reports what is missing on its node. Raises Refused with all of that."""
        with self._storage("run jobs"):
            facts, user = self._site.facts(), self._site.user()
            gives = launcher_of(self._settings).gives
            lacking = option_faults(self._options, gives, f"SLURM_LAUNCHER={self._settings.launcher}", user)
            self._storebase.private_dir(self.name)
            folder = JobFolder.prepare(self._root, probe_spec())
            try:
                probe = Probe(self._commands, self._queue, self._settings, user, facts.cgroups)
                node = probe.run(folder, self._nodes(self.name) / folder.path.name, lacking)
            finally:
                shutil.rmtree(folder.path, ignore_errors=True)
        return f"Slurm {facts.version} ({facts.cluster}); {node} runs jobs with {self._settings.launcher}"
