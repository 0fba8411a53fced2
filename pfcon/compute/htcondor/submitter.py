"""Submits a job to HTCondor: the files of its directory, and condor_submit."""

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pfcon.compute.htcondor.folder import WORKER, WorkerFolder
from pfcon.compute.htcondor.queue import Queue
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.spec import script, submit_description, submit_words, vacate_time
from pfcon.compute.slurm.cdi import read_edits
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.launchers import launcher_of
from pfcon.compute.slurm.names import HTCONDOR
from pfcon.compute.slurm.node_job import Image, NodeJob
from pfcon.compute.slurm.submission import Submission
from pfcon.compute.slurm.submitting_user import SubmittingUser
from pfcon.models import JobSpec

_NUMBER = re.compile(r"(\d+)\.0 - \1\.\d+")  # condor_submit -terse


@dataclass(frozen=True)
class Submitter(Submission):
    """See Submission. nodes_root: the path of storeBase on the nodes. stop_grace: seconds between SIGTERM and SIGKILL.

    log_bytes: the size limit of a job's log.
    """

    queue: Queue
    user: SubmittingUser
    settings: HTCondorSettings
    stop_grace: int
    nodes_root: PurePosixPath
    nodes_folder: PurePosixPath
    log_bytes: int

    def _lay_out(self, folder: JobFolder, spec: JobSpec, image: Image) -> tuple[list[str], str]:
        directory = self.nodes_folder / folder.path.name
        if spec.resources.workers == 1:
            self._write(folder, spec, image, directory)
        else:
            for number in range(spec.resources.workers):
                self._write(WorkerFolder.make(folder, number), spec, image, directory / f"{WORKER}{number}")
        folder.write_all({"spec.json": replace(spec, env=()).to_json()})
        description = submit_description(spec, directory, folder.marker, self.settings)
        return submit_words(self.settings), vacate_time(self.stop_grace) + description

    def _write(self, folder: JobFolder, spec: JobSpec, image: Image, directory: PurePosixPath) -> None:
        """Write the files that run a worker. directory: of the worker, on the nodes."""
        job = NodeJob.of(spec, folder.marker, image, directory=directory, root=self.nodes_root, user=self.user.ids())
        if job.gpus and self.settings.cdi:
            job = replace(job, edits=read_edits(self.settings.cdi, HTCONDOR.cdi))
        texts = launcher_of(self.settings.node_side).files(job, HTCONDOR)
        texts["job.sh"] = script(job, self.settings, spec.resources, self.stop_grace, self.log_bytes)
        folder.write_all(texts)

    def _number(self, output: str) -> str:
        found = _NUMBER.search(output)
        return found[1] if found else ""

    def _submitted(self, folder: JobFolder) -> str:
        found = self.queue.fresh(folder.marker, None)
        return found[0].id.partition(".")[0] if found else ""
