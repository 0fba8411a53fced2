"""Submitting a job to Slurm, exactly once: first its directory is created, then sbatch is run, then the id recorded."""

import contextlib
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pfcon.compute.slurm.commands import Commands
from pfcon.compute.slurm.folder import ORDER, JobFolder
from pfcon.compute.slurm.launchers import launcher_of
from pfcon.compute.slurm.node_job import Image, NodeJob
from pfcon.compute.slurm.queue import Queue
from pfcon.compute.slurm.settings import SlurmSettings
from pfcon.compute.slurm.site import SiteFacts
from pfcon.compute.slurm.spec import LOG_BYTES, sbatch_words, script
from pfcon.compute.unanswered import NoAnswer, maybe_created
from pfcon.errors import Conflict, Refused
from pfcon.models import JobSpec

_log = logging.getLogger(__name__)
_MARGIN = 2  # seconds by which a job's own grace is shorter than Slurm's KillWait


@dataclass(frozen=True)
class Submitter:
    """Submits jobs. root: the jobs' directories, in this process. nodes_root: the path of storeBase on the nodes.

    minutes: the jobs' time limit. stop_grace: seconds between SIGTERM and SIGKILL; less if Slurm would kill earlier.
    log_bytes: the size limit of a job's log.
    """

    commands: Commands
    queue: Queue
    site: SiteFacts
    settings: SlurmSettings
    minutes: int
    stop_grace: int
    root: Path
    nodes_root: PurePosixPath
    nodes_folder: PurePosixPath
    log_bytes: int = LOG_BYTES

    def start(self, spec: JobSpec, image: Image) -> None:
        """Create a job's directory, claim its name and submit it.

        Raises Conflict if another job has the name, Refused with Slurm's text, Unreachable. The job may exist only
        after an Unreachable that says so (MaybeCreated).
        """
        spec = self._limited(spec)
        folder = JobFolder.prepare(self.root, spec)
        claimed = False
        try:
            submit = self._lay_out(folder, spec, image)
            with folder.submitting():
                claimed = folder.claim()
                if not claimed:
                    raise Conflict(f"a job {spec.name} already exists on slurm")
                self._submit(folder, *submit)
        finally:
            if not claimed:
                shutil.rmtree(folder.path, ignore_errors=True)

    def resume(self, folder: JobFolder, spec: JobSpec, image: Image) -> None:
        """Submit a job that was not submitted because of a crash; raises Conflict for any other job of that name."""
        with folder.submitting() as ours:
            begun = not ours or folder.id or any(folder.has(name) for name in ("cancel", "end.json"))
            if begun or folder.spec().request != spec.request:
                raise Conflict(f"a job {spec.name} already exists on slurm")
            found = self.queue.fresh(folder.marker, None)
            if found:
                folder.write("id", found[0].id)
                raise Conflict(f"a job {spec.name} already exists on slurm")
            spec = self._limited(spec)
            self._submit(folder, *self._lay_out(folder, spec, image))

    def _limited(self, spec: JobSpec) -> JobSpec:
        """Return the job with its time limit, or with the site's if that is lower."""
        minutes = min(spec.resources.time_limit or self.minutes, self.minutes)
        return replace(spec, resources=replace(spec.resources, time_limit=minutes))

    def _lay_out(self, folder: JobFolder, spec: JobSpec, image: Image) -> tuple[list[str], str]:
        """Write the files of a job's directory; return the command that submits it, and its script."""
        directory = self.nodes_folder / folder.path.name
        job = NodeJob.of(spec, folder.marker, image, directory=directory, root=self.nodes_root, user=self.site.user())
        launcher = launcher_of(self.settings)
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

    def _submit(self, folder: JobFolder, words: list[str], text: str) -> None:
        with self._undone(folder):
            number = self.commands.run(words, stdin=text)
        number = number.strip().rpartition("\n")[2].partition(";")[0]  # NUMBER, or NUMBER;CLUSTER
        if number.isascii() and number.isdigit():
            folder.write("id", number)
        else:  # the job can be found by its marker, and its script writes the id
            _log.warning("sbatch has returned no job number, but %r", number)

    @contextlib.contextmanager
    def _undone(self, folder: JobFolder) -> Iterator[None]:
        """A context that removes the job's directory after an error, if Slurm certainly does not have the job."""
        try:
            yield
        except NoAnswer as fault:
            if fault.may_have_arrived:
                raise maybe_created(fault) from fault
            folder.remove()
            raise
        except Refused as fault:
            folder.remove()
            raise Refused(f"Slurm refuses the job: {fault}") from fault
