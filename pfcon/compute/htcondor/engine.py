"""The htcondor engine: each job is a job of the vanilla universe, and a directory below storeBase, as on Slurm."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from pfcon.compute.base import Mine, anyone
from pfcon.compute.htcondor.analysis import Analyst
from pfcon.compute.htcondor.cancelling import Canceller
from pfcon.compute.htcondor.commands import Commands
from pfcon.compute.htcondor.folder import HTCondorFolder, sources_of
from pfcon.compute.htcondor.listing import Lister
from pfcon.compute.htcondor.parsing import queue_command, rows
from pfcon.compute.htcondor.probe import Probe
from pfcon.compute.htcondor.queue import Queue
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.status import StatusReader
from pfcon.compute.htcondor.submitter import Submitter
from pfcon.compute.htcondor.version import version_of
from pfcon.compute.log_copy import LogChunk, copied
from pfcon.compute.settings import ComputeSettings
from pfcon.compute.slurm.abilities import option_faults
from pfcon.compute.slurm.commands import Commands as ImageTools
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.folder_engine import FolderEngine
from pfcon.compute.slurm.launchers import launcher_of
from pfcon.compute.slurm.node_job import Image
from pfcon.compute.slurm.probe import missing_tools, probe_spec
from pfcon.compute.slurm.submitting_user import SubmittingUser
from pfcon.compute.workers import MOST, require_workers
from pfcon.models import JobInfo, JobSpec
from pfcon.paths import StoreBase

STALENESS = 1.0  # seconds for which one answer of condor_q is used
PATIENCE = 60.0  # seconds before a job is ended that could not be started, or was not received
STOP_GRACE = 10  # seconds between SIGTERM and SIGKILL; ``remove``: none


class HTCondorEngine(FolderEngine):
    """Runs jobs in a pool, as the user who submits, in containers that ``HTCONDOR_LAUNCHER`` runs."""

    name = "htcondor"
    folder_type = HTCondorFolder

    def __init__(
        self,
        settings: ComputeSettings,
        own: HTCondorSettings,
        storebase: StoreBase,
        *,
        staleness: float = STALENESS,
        patience: float = PATIENCE,
        stop_grace: int = STOP_GRACE,
    ) -> None:
        """``staleness``, ``patience``, ``stop_grace``: seconds, see the constants of these names. Runs no command."""
        self._tools = ImageTools(own.prefix, own.timeout)
        super().__init__(storebase, settings.storebase, self._tools, own.images, own.cache)
        self._settings, self._options = own, settings
        self._commands = commands = Commands(own.prefix, own.timeout)
        self._queue = queue = Queue(lambda: rows(commands.run(queue_command(own))), staleness)
        self._user = user = SubmittingUser(commands, "HTCONDOR_PREFIX")
        nodes_folder = self._nodes(self.name)
        self._submitter = Submitter(
            commands,
            self._root,
            settings.timelimit or 1,
            self.folder_type,
            "HTCondor",
            queue,
            user,
            own,
            stop_grace,
            self._nodes_root,
            nodes_folder,
            settings.log_bytes,
        )
        self._canceller = canceller = Canceller(commands, queue, own, stop_grace)
        analyst = Analyst(commands, own)
        self._status = StatusReader(commands, queue, own, canceller, analyst, patience, nodes_folder)
        self._lister = Lister(queue.rows, patience)

    def schedule(self, spec: JobSpec) -> JobInfo:
        """See ComputeEngine. Each worker has a directory of its own."""
        require_workers(spec, MOST)
        return super().schedule(spec)

    def open_log(self, name: str, mine: Mine = anyone) -> int | None:
        """See ComputeEngine: several workers have each a log of their own."""
        with self._storage(f"read the log of {name}"):
            folder = self._open(name, mine)
            return None if sources_of(folder) else folder.open_log()

    def log_after(self, name: str, cursor: str, *, ended: bool, mine: Mine = anyone) -> Iterator[LogChunk]:
        """See ComputeEngine."""
        with self._storage(f"read the log of {name}"):
            yield from copied(sources_of(self._open(name, mine)), cursor, ended=ended)

    def _start(self, spec: JobSpec, image: Image) -> None:
        self._submitter.start(spec, image)

    def _resume(self, folder: JobFolder, spec: JobSpec, image: Image) -> None:
        self._submitter.resume(folder, spec, image)

    def _state(self, folder: JobFolder) -> JobInfo:
        return self._status.info(folder)

    def _request_end(self, folder: JobFolder) -> None:
        self._canceller.request_end(folder)

    def _force_end(self, folder: JobFolder) -> None:
        self._canceller.force_end(folder)

    def _list_active(self, root: Path) -> dict[str, str]:
        return self._lister.active_jobs(root)

    def check(self) -> str:
        """See ComputeEngine: a probe job reports what is missing on its node. Raises Refused with all of that."""
        with self._storage("run jobs"):
            version = version_of(self._commands, self._settings)
            self._storebase.private_dir(self.name)
            folder = HTCondorFolder.prepare(self._root, probe_spec())
            try:
                probe = Probe(self._commands, self._queue, self._settings, self._canceller)
                lacking = self._option_faults() + missing_tools(self._tools, self._settings.images)
                node = probe.run(folder, self._nodes(self.name) / folder.path.name, lacking)
            finally:
                shutil.rmtree(folder.path, ignore_errors=True)
        return f"HTCondor {version}; {node} runs jobs with {self._settings.launcher}"

    def _option_faults(self) -> list[str]:
        launcher = launcher_of(self._settings.node_side)
        return option_faults(self._options, launcher.gives, f"HTCONDOR_LAUNCHER={launcher.name}", self._user.ids())
