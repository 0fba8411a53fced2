"""Submitting a job to Slurm: the files of its directory, and sbatch."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pfcon.compute.slurm.cdi import read_edits
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.launchers import launcher_of
from pfcon.compute.slurm.names import SLURM
from pfcon.compute.slurm.node_job import Image, NodeJob
from pfcon.compute.slurm.queue import Queue
from pfcon.compute.slurm.run import ORDER
from pfcon.compute.slurm.settings import SlurmSettings
from pfcon.compute.slurm.site import SiteFacts
from pfcon.compute.slurm.spec import LOG_BYTES, sbatch_words, script
from pfcon.compute.slurm.submission import Submission
from pfcon.models import JobSpec

# slurm_errno.c: no node has a feature; no node has all features and resources of the job.
_NO_NODE = ("Invalid feature specification", "Requested node configuration is not available")
_MARGIN = 2  # seconds by which a job's own grace is shorter than Slurm's KillWait


@dataclass(frozen=True)
class Submitter(Submission):
    """See Submission. nodes_root: the path of storeBase on the nodes.

    stop_grace: seconds between SIGTERM and SIGKILL; less if Slurm would kill earlier. log_bytes: the size limit of a
    job's log.
    """

    queue: Queue
    site: SiteFacts
    settings: SlurmSettings
    stop_grace: int
    nodes_root: PurePosixPath
    nodes_folder: PurePosixPath
    log_bytes: int = LOG_BYTES

    def _lay_out(self, folder: JobFolder, spec: JobSpec, image: Image) -> tuple[list[str], str]:
        directory = self.nodes_folder / folder.path.name
        job = NodeJob.of(spec, folder.marker, image, directory=directory, root=self.nodes_root, user=self.site.user())
        launcher = launcher_of(self.settings)
        if job.gpus and self.settings.cdi:
            job = replace(job, edits=read_edits(self.settings.cdi, SLURM.cdi))
        texts = launcher.files(job)
        grace = max(1, min(self.stop_grace, self.site.facts().kill_wait - _MARGIN))
        texts["job.sh"] = script(job, self.settings, spec.resources, grace, log_bytes=self.log_bytes)
        texts["spec.json"] = replace(spec, env=()).to_json()
        if not launcher.program:
            texts[ORDER] = "go\n"
        folder.write_all(texts)
        if not launcher.program:  # Slurm itself accepts only this name for a bundle's rootfs
            with contextlib.suppress(FileExistsError):
                folder.path.joinpath("rootfs").symlink_to(image.rootfs)
        return sbatch_words(spec, job, self.settings), texts["job.sh"]

    def _explained(self, refusal: str) -> str:
        selected = self.settings.selected
        if not selected or not any(text in refusal for text in _NO_NODE):
            return refusal
        return f"no machine has what it requests, with {selected}: {refusal}"

    def _number(self, output: str) -> str:
        number = output.strip().rpartition("\n")[2].partition(";")[0]  # NUMBER, or NUMBER;CLUSTER
        return number if number.isascii() and number.isdigit() else ""

    def _submitted(self, folder: JobFolder) -> str:
        found = self.queue.fresh(folder.marker, None)
        return found[0].id if found else ""
