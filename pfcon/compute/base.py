"""The compute seam: what pfcon asks of an engine, in pfcon's own types.

The docstrings are the contract; ``pfcon.testing.compute`` has it as tests, which ``tests/contract`` runs
against every engine.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

from pfcon.compute.signing import is_service_id
from pfcon.compute.stopping import Stop
from pfcon.errors import Foreign, Refused
from pfcon.models import JobInfo, JobSpec, Mount
from pfcon.paths import StoreBase

Mine = Callable[[str], bool]
"""Tells from what an engine has kept of ``JobSpec.request`` whether a job is the caller's."""


def anyone(_request: str) -> bool:
    """The ``Mine`` of a caller who owns whatever pfcon has labelled."""
    return True


class ComputeEngine(ABC):
    """Runs jobs. One object serves all threads of a process; it connects on first use.

    Every method may raise ``Unreachable`` when the engine does not answer in time. Then nothing is known, except
    that ``schedule`` raises ``MaybeCreated`` where the engine may have the job.
    """

    name: str
    own_secrets = False
    """Whether it mounts secrets of its own for a job's ``secrets``, rather than the directories that pfcon keeps."""
    by_path = False
    """Whether a job reaches its directories by their paths, with its own user's rights, rather than by mounts."""

    @abstractmethod
    def schedule(self, spec: JobSpec) -> JobInfo:
        """Start a job under ``spec.name`` and return what is known of it, without waiting for its end.

        On return the engine has the job: it runs, waits, or has ended already (a command that does not exist
        gives ``FAILED`` with that message, immediately or soon after). A job of the same name and the same ``request``
        that was created but never started (a crash in between) is started now. Several workers run at the same time;
        when one fails, the others are ended, and the job has failed for its reason. The command is not the first
        process of its container: what it leaves behind is reaped, and its own signals reach it.

        Raises ``Conflict`` when a job of that name exists, and leaves that one alone; ``ImageMissing`` when
        ``prepare`` has to be called first; ``Refused`` when the engine can't run such a job, ever. After any of
        these the engine holds nothing new.
        """

    def prepare(self, spec: JobSpec, report: Callable[[str], None], stop: Stop) -> None:
        """Do the slow work that ``schedule`` asked for with ``ImageMissing``: fetch the image.

        ``report`` is called with texts of progress for the user. Raises ``Refused`` with the registry's reason
        when the image can't be had. Idempotent. After ``stop`` was set it ends soon, whatever it raises; it also ends
        by itself: after ten minutes without progress, or, where the engine shows none, after an hour.
        """
        raise NotImplementedError(f"{self.name} never asks for prepare")

    @abstractmethod
    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        """What the engine knows of a job now; whether it was ``interrupted``, it tells everybody alike, also later.

        Raises ``Absent`` when it knows no job of that name; ``Foreign``, which is one, for a job that is not ``mine``:
        that one is not changed in any way, also by an engine that ends a hopeless job where it looks at it.
        """

    @abstractmethod
    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """The last lines of merged stdout and stderr, as valid text without NUL characters.

        At most the last MiB. ``""`` when the job has written nothing yet. Raises ``Absent`` when there is no such job,
        or none that is ``mine``.
        """

    @abstractmethod
    def cancel(self, name: str, mine: Mine = anyone) -> None:
        """Stop a job, keeping it known: soon after, ``info`` is ``FAILED`` with a message that says "cancel".

        Idempotent; no-op on an ended job.

        Raises ``Absent`` when there is no such job, or none that is ``mine``. What was looked at is what is stopped,
        and not another job that has taken its name meanwhile.
        """

    @abstractmethod
    def remove(self, name: str, mine: Mine = anyone) -> None:
        """Stop a job if it runs and forget it: on return it runs no more and its name is free. Idempotent.

        A job that is absent already is no error; one that is not ``mine`` is left alone, as in ``cancel``.
        """

    @abstractmethod
    def check(self) -> str:
        """Ask the engine for a sign of life; give back one line that says what answered."""


def require_mine(
    name: str, request: str, mine: Mine, *, service: object = "", ended: Callable[[], bool] = lambda: False
) -> None:
    """Raise Foreign for a job that has the name, but is somebody else's.

    ``service``: the id of its service, as the engine shows it; what can't be one is left out. ``ended``: tells
    whether it has ended, without changing it.
    """
    if not mine(request):
        named = service if isinstance(service, str) and is_service_id(service) else ""
        message = f"there is no job {name}; what has that name is not of this pfcon"
        raise Foreign(message, service=named, ended=ended())


def all_mounts(spec: JobSpec) -> tuple[Mount, ...]:
    """A job's mounts with those of its secrets, for engines that have no secrets of their own."""
    secrets = (Mount(StoreBase.secret_source(secret.name), secret.target, read_only=True) for secret in spec.secrets)
    return (*spec.mounts, *secrets)


def require_passable(spec: JobSpec) -> None:
    """Raise Refused for a command or an environment that execve(2) takes of nobody."""
    for text in [*spec.argv, *(part for pair in spec.env for part in pair)]:
        if "\0" in text or not _encodable(text):
            raise Refused("a word of the command or of its environment has a character that no program can be given")
    for key, _ in spec.env:
        if not key or "=" in key:
            raise Refused(f"env: {key!r} can't be the name of a variable")


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
