"""Submits a job to a batch system, exactly once: its directory is created, the job submitted, its id recorded."""

import contextlib
import logging
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pfcon.compute.commands import CommandRunner
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.node_job import Image
from pfcon.compute.unanswered import NoAnswer, maybe_created
from pfcon.errors import Conflict, Refused
from pfcon.models import JobSpec

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submission(ABC):
    """Submits jobs. root: the jobs' directories, in this process. minutes: the highest time limit.

    folder_type: of the jobs' directories. system: the name of the batch system, for messages.
    """

    commands: CommandRunner
    root: Path
    minutes: int
    folder_type: type[JobFolder]
    system: str

    @abstractmethod
    def _lay_out(self, folder: JobFolder, spec: JobSpec, image: Image) -> tuple[list[str], str]:
        """Write the files of a job's directory; return the command that submits it, and its standard input."""

    @abstractmethod
    def _number(self, output: str) -> str:
        """Return the id of the job from the output of the command; empty if it has none."""

    @abstractmethod
    def _submitted(self, folder: JobFolder) -> str:
        """Return the id of a job that has been submitted for a directory; empty without one. Raises Unreachable."""

    def _explained(self, refusal: str) -> str:
        """Return the system's text with the setting that it is about, if that is known."""
        return refusal

    def start(self, spec: JobSpec, image: Image) -> None:
        """Create a job's directory, claim its name and submit it.

        Raises Conflict if another job has the name, Refused with the system's text, Unreachable. The job may exist only
        after an Unreachable that says so (MaybeCreated).
        """
        spec = self._limited(spec)
        folder = self.folder_type.prepare(self.root, spec)
        claimed = False
        try:
            submit = self._lay_out(folder, spec, image)
            with folder.submitting():
                claimed = folder.claim()
                if not claimed:
                    raise self._conflict(spec)
                self._submit(folder, *submit)
        finally:
            if not claimed:
                shutil.rmtree(folder.path, ignore_errors=True)

    def resume(self, folder: JobFolder, spec: JobSpec, image: Image) -> None:
        """Submit a job that was not submitted because of a crash; raises Conflict for any other job of that name."""
        with folder.submitting() as ours:
            begun = not ours or folder.id or any(folder.has(name) for name in ("cancel", "end.json"))
            if begun or folder.spec().request != spec.request:
                raise self._conflict(spec)
            number = self._submitted(folder)
            if number:
                folder.write("id", number)
                raise self._conflict(spec)
            spec = self._limited(spec)
            self._submit(folder, *self._lay_out(folder, spec, image))

    def _conflict(self, spec: JobSpec) -> Conflict:
        return Conflict(f"a job {spec.name} already exists on {self.folder_type.engine}")

    def _limited(self, spec: JobSpec) -> JobSpec:
        """Return the job with its time limit, or with the site's if that is lower."""
        minutes = min(spec.resources.time_limit or self.minutes, self.minutes)
        return replace(spec, resources=replace(spec.resources, time_limit=minutes))

    def _submit(self, folder: JobFolder, words: list[str], text: str) -> None:
        with self._undone(folder):
            output = self.commands.run(words, stdin=text)
        number = self._number(output)
        if number:
            folder.write("id", number)
        else:  # the job can be found by its marker, and its script writes the id
            _log.warning("%s has returned no job number, but %r", words[0], output)

    @contextlib.contextmanager
    def _undone(self, folder: JobFolder) -> Iterator[None]:
        """A context that removes the job's directory after an error, if the system certainly does not have the job."""
        try:
            yield
        except NoAnswer as fault:
            if fault.may_have_arrived:
                raise maybe_created(fault) from fault
            folder.remove()
            raise
        except Refused as fault:
            folder.remove()
            raise Refused(f"{self.system} refuses the job: {self._explained(str(fault))}") from fault
