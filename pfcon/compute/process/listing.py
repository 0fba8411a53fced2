"""Lists the jobs of the process engine. Reads their directories, and changes none."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pfcon.compute.process.job import JobFolder
from pfcon.errors import Absent

T = TypeVar("T")
_Version = tuple[int, int]  # of a file that is always replaced as a whole: inode, and time in ns


class Lister:
    """Lists jobs, as often as every second: the state of an ended job is read only once. Thread-safe."""

    def __init__(self) -> None:
        self._ended: dict[str, _Version] = {}  # of the file ``state.json`` of ended jobs, by name

    def active_jobs(self, root: Path) -> dict[str, str]:
        """Return the jobs that have not ended, by name, each with a text for its state. Raises OSError.

        A job whose supervisor was killed has another text from then on: ``info`` ends it.
        """
        found = _of_each_job(root, self._look)
        self._ended = {name: version for name, (version, text) in found.items() if not text}
        return {name: text for name, (_, text) in found.items() if text}

    def _look(self, job: JobFolder) -> tuple[_Version, str]:
        """Return the version of a job's state, and the text for it; ``""`` after its end."""
        found = os.stat("state.json", dir_fd=job.descriptor, follow_symlinks=False)
        version = (found.st_ino, found.st_mtime_ns)  # read before the state, which may be replaced in between
        if self._ended.get(job.path.name) == version or "finished_at" in job.state():
            return version, ""
        with job.locked() as dead:
            return version, f"{version} {'lost' if dead else 'supervised'}"


def requests(root: Path) -> dict[str, str]:
    """Return ``JobSpec.request`` of each job, by name. A job whose records are damaged is left out. Raises OSError."""
    return _of_each_job(root, lambda job: job.spec().request)


def _of_each_job(root: Path, read: Callable[[JobFolder], T]) -> dict[str, T]:
    """Return what ``read`` returns for each job, by name.

    A job that is being removed is left out, and one whose directory can't be read: a job may change its own.
    """
    found = {}
    for name in os.listdir(root):
        if not name.startswith("."):
            with (
                contextlib.suppress(Absent, OSError),
                JobFolder(root / name) as job,
            ):
                found[name] = read(job)
    return found
