"""A job's directory, as on Slurm: see ``pfcon.compute.slurm.folder``. Each of several workers has one of its own in it.

.pfcon/htcondor/.<marker>/
    spec.json, lock, id, cancel, now, end.json   of the job, as on Slurm
    failed          of several workers: a link, whose target is the number of the first one that failed; it is created
                    by that one's script, or by pfcon if the script could not; then the others end
    worker.<n>/     of several workers: all other files of worker n. Its end.json is the end of this worker
"""

import contextlib
import os
from functools import partial
from typing import Self

from pfcon.compute.details import of_workers
from pfcon.compute.kept_log import Stretch, read_at
from pfcon.compute.log_copy import FileSource, prefix_of
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.workers import headed
from pfcon.models import JobSpec, RunDetails
from pfcon.reasons import Why

LOG = "htcondor.log"  # messages of HTCondor and of the script
WORKER = "worker."
FAILED = "failed"


class HTCondorFolder(JobFolder):
    """A directory below .pfcon/htcondor."""

    engine, end_command = "htcondor", "condor_rm"

    @property
    def id(self) -> str | None:
        """See JobFolder: the id of the cluster. Each of several workers knows it too."""
        return super().id or next(filter(None, (worker.claimed for worker in _several(self))), None)

    def run(self) -> RunDetails:
        """See JobFolder."""
        workers = _several(self)
        return of_workers([worker.run() for worker in workers], None) if workers else super().run()

    def job_log(self, lines: int, most: int) -> bytes:
        """See JobFolder: several workers' logs are one after the other, each below a heading."""
        workers = _several(self)
        if not workers:
            return super().job_log(lines, most)
        return headed([partial(_log, worker) for worker in workers], lines, most).encode("utf-8", "surrogateescape")


class WorkerFolder(JobFolder):
    """The directory of one of several workers. What is not there is the job's. number: of the worker, from 0."""

    engine, end_command = HTCondorFolder.engine, HTCondorFolder.end_command

    def __init__(self, job: JobFolder, number: int) -> None:
        super().__init__(job.link.parent, job.link.name, job.marker)
        self.path = job.path / f"{WORKER}{number}"
        self.number = number
        self._job = job

    @classmethod
    def make(cls, job: JobFolder, number: int) -> Self:
        """Create the directory of a worker, if it does not exist."""
        folder = cls(job, number)
        folder.path.mkdir(mode=0o700, exist_ok=True)
        return folder

    def read_log(self, offset: int, most: int) -> Stretch:
        """Return a part of this worker's log. Raises Absent, OSError."""
        directory = self.open_log()
        try:
            return read_at(directory, offset, most)
        finally:
            os.close(directory)

    @property
    def claimed(self) -> str | None:
        """The id of the cluster, if this worker has run."""
        return super().id

    @property
    def id(self) -> str | None:
        """See JobFolder."""
        return self.claimed or self._job.id

    def spec(self) -> JobSpec:
        """See JobFolder."""
        return self._job.spec()

    def cancellation(self) -> Why:
        """See JobFolder."""
        return self._job.cancellation()

    def age(self) -> float:
        """See JobFolder."""
        return self._job.age()


def workers_of(folder: JobFolder) -> list[JobFolder]:
    """Return the directories of a job's workers in order; of a single one it is the job's."""
    return [*_several(folder)] or [folder]


def sources_of(folder: JobFolder) -> list[FileSource]:
    """Return the logs of several workers; empty for a single one, whose log is the job's."""
    workers = _several(folder)
    return [
        FileSource(str(worker.number), worker.read_log, prefix_of(worker.number, len(workers))) for worker in workers
    ]


def number_of(worker: JobFolder) -> int:
    """Return the number of a worker, from 0."""
    return worker.number if isinstance(worker, WorkerFolder) else 0


def first_failed(folder: JobFolder) -> int | None:
    """Return the number of the worker that failed first; None before that is known."""
    try:
        number = os.readlink(folder.path / FAILED)
    except OSError:
        return None
    return int(number) if number.isascii() and number.isdecimal() else None


def keep_first_failed(folder: JobFolder, number: int) -> int:
    """Record, for all processes, which worker failed first; return the one that was recorded first. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        (folder.path / FAILED).symlink_to(str(number))
    recorded = first_failed(folder)
    return number if recorded is None else recorded


def _several(folder: JobFolder) -> list[WorkerFolder]:
    try:
        names = os.listdir(folder.path)
    except FileNotFoundError:
        return []
    numbers = (name.removeprefix(WORKER) for name in names if name.startswith(WORKER))
    return [WorkerFolder(folder, number) for number in sorted(int(text) for text in numbers if text.isdecimal())]


def _log(worker: JobFolder, lines: int, most: int) -> str:
    return worker.job_log(lines, most).decode("utf-8", "replace")
