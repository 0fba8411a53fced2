"""The interface of compute engines, in pfcon's own types.

The docstrings are the contract; ``pfcon.testing.compute`` has tests of it, which ``tests/contract`` runs against every
engine.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping

from pfcon.compute.log_copy import LogChunk, TextSource, copied
from pfcon.compute.signing import is_service_id
from pfcon.compute.stopping import Stop
from pfcon.errors import Foreign, Refused
from pfcon.models import JobInfo, JobSpec, Mount
from pfcon.paths import StoreBase
from pfcon.reasons import CANCELLED, Why

Mine = Callable[[str], bool]
"""Returns whether a job is the caller's, by the ``JobSpec.request`` that the engine has kept with it."""


def anyone(_request: str) -> bool:
    """The ``Mine`` of a caller that owns all jobs of pfcon."""
    return True


class ComputeEngine(ABC):
    """Runs jobs. Thread-safe: one object serves a process. It connects on first use.

    Every method may raise ``Unreachable`` if the engine does not answer in time. Then the state of the job is unknown;
    ``schedule`` raises ``MaybeCreated`` if the engine may have created the job. If the engine answers, but what it has
    kept of one job can't be read, the error is ``DamagedJob``, which says nothing about other jobs.
    """

    name: str
    own_secrets = False
    """Whether it mounts secrets of its own for a job's ``secrets``, instead of pfcon's directories."""
    by_path = False
    """Whether a job accesses its directories by path, with its own user's permissions, instead of by mounts."""
    own_time_limit = False
    """Whether it stops a job at its ``resources.time_limit`` itself; for other engines, the service cancels the job.

    Then ``info`` returns ``FAILED`` with the reason ``Reason.TIME_LIMIT``: see ``exits.at_time_limit``.
    """

    has_queue = True
    """Whether jobs may wait in it for a place; if not, a job is placed when its ``prepare`` or ``schedule`` begins."""

    log_copies_per_minute: float | None = None
    """How often logs may be copied while jobs run, on average, by all processes together; None: about once a second
    each."""
    log_reads_per_minute: float | None = 10.0
    """How many logs of running jobs may be read for clients, on average; None: as many as they ask for."""

    @abstractmethod
    def schedule(self, spec: JobSpec) -> JobInfo:
        """Start a job with the name ``spec.name`` and return its state, without waiting for its end.

        On return the engine has the job: it runs, waits, or has ended already (for a command that does not exist, it is
        ``FAILED`` with that message, immediately or soon after). A job of the same name and the same ``request`` that
        was created but never started, because of a crash, is started now. Several workers run at the same time; if one
        fails, the others are ended, and the job has failed for that worker's reason. Each worker, also the only one,
        has the variables of ``workers.worker_env``. The command is not the first process of its container: orphans that
        it leaves are reaped, and signals to itself have their usual effect.

        Raises ``Conflict`` if a job of that name exists, which is not changed; ``ImageMissing`` if ``prepare`` has to
        be called first; ``Refused`` if the engine can never run such a job. After each of these, the engine has created
        nothing.
        """

    def prepare(self, spec: JobSpec, report: Callable[[str], None], stop: Stop) -> None:
        """Fetch the image of a job for which ``schedule`` has raised ``ImageMissing``. Idempotent.

        ``report`` is called with texts of progress for the user. Raises ``Refused``, with the registry's reason, if the
        image can't be fetched. After ``stop`` is set, it returns or raises soon. It also raises after ten minutes
        without progress, or, if the engine reports no progress, after an hour.
        """
        raise NotImplementedError(f"{self.name} never asks for prepare")

    @abstractmethod
    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        """Return the current state of a job. ``interrupted`` is the same for all callers, also later.

        Raises ``Absent`` for an unknown job; its subclass ``Foreign`` for a job that is not ``mine``, which is never
        changed, not even by an engine whose ``info`` ends jobs that can never start.
        """

    @abstractmethod
    def logs(self, name: str, tail_lines: int, mine: Mine = anyone) -> str:
        """Return the last lines of merged stdout and stderr, as valid text without NUL characters.

        At most the last MiB; ``""`` if the job has written nothing yet. Raises ``Absent`` for a job that does not exist
        or is not ``mine``.
        """

    def open_log(self, name: str, mine: Mine = anyone) -> int | None:  # noqa: ARG002 - for engines that have such files
        """Return an open directory with the whole log of a job, laid out as ``kept_log`` says; the caller closes it.

        None for a job whose log is not in such files: then the service keeps a copy of it. Starts no program and asks
        no other machine, but that of storeBase. Raises Absent as ``logs``.
        """
        return None

    def log_after(self, name: str, cursor: str, *, ended: bool, mine: Mine = anyone) -> Iterator[LogChunk]:
        """Yield the bytes that a job has written after a cursor, up to now; ``""``: from the beginning.

        Each chunk has the cursor after it, also for other processes. Together, the chunks have each byte once; where
        the engine has dropped some, a line says so. ended: whether the job has ended. By default, ``logs`` is read.
        Raises Absent as ``logs``.
        """
        source = TextSource(lambda lines: self.logs(name, lines, mine), ended=ended)
        return copied([source], cursor, ended=ended)

    @abstractmethod
    def cancel(self, name: str, mine: Mine = anyone, why: Why = CANCELLED) -> None:
        """Stop a job, but keep it: soon after, ``info`` returns ``FAILED`` for that reason, with its message.

        The engine keeps ``why.note()`` with the job. Idempotent; no-op for an ended job, whose message never changes.

        Raises ``Absent`` for a job that does not exist or is not ``mine``. Only the job that was checked is stopped,
        never another job that was created with its name since.
        """

    @abstractmethod
    def remove(self, name: str, mine: Mine = anyone) -> None:
        """Stop a job if it runs, and remove it: on return it does not run any more and its name is free. Idempotent.

        A missing job is not an error; a job that is not ``mine`` is not changed, as in ``cancel``.
        """

    def active_jobs(self) -> Mapping[str, str] | None:
        """Return all jobs that have not ended, by name, each with a text that changes whenever its state changes.

        In few calls, whatever the number of jobs; None if the engine can't list jobs: then each is requested by
        ``info``. Only ``info`` is the state of a job: the texts show for which jobs it has to be called again. That
        includes a job that ``info`` would end, because it can never start or waits too long: its text changes then.
        A missing job has ended or does not exist; for some seconds it may also be one that was just scheduled or is
        being stopped. The jobs of all services are returned, but nothing that was created without pfcon.
        """
        return None

    def jobs(self) -> Mapping[str, str] | None:
        """Return all jobs that the engine has, active and ended, by name, with their ``JobSpec.request``.

        For finding jobs that a service does not know any more. None if the engine can't list jobs. The jobs of all
        services are returned; a job whose request can't be read has the request ``""``, or is left out.
        """
        return None

    def require_answer(self) -> None:
        """Raise Unreachable or Refused if the engine can't be used now. Asked every ten seconds, so it starts no job.

        By default, the jobs are listed.
        """
        self.active_jobs()

    @abstractmethod
    def check(self) -> str:
        """Check that the engine answers; return one line that says what answered."""


def require_mine(
    name: str, request: str, mine: Mine, *, service: object = "", ended: Callable[[], bool] = lambda: False
) -> None:
    """Raise Foreign for a job that has the name, but does not belong to the caller.

    ``service``: the id of its service, as the engine reports it; ignored if it is not a valid id. ``ended``: returns
    whether the job has ended, without changing it.
    """
    if not mine(request):
        named = service if isinstance(service, str) and is_service_id(service) else ""
        message = f"there is no job {name} of this pfcon service; something else has this name"
        raise Foreign(message, service=named, ended=ended())


def all_mounts(spec: JobSpec) -> tuple[Mount, ...]:
    """Return a job's mounts and those of its secrets, for engines that have no secrets of their own."""
    secrets = (Mount(StoreBase.secret_source(secret.name), secret.target, read_only=True) for secret in spec.secrets)
    return (*spec.mounts, *secrets)


def require_passable(spec: JobSpec) -> None:
    """Raise Refused for a command or an environment that execve(2) never accepts."""
    for text in [*spec.argv, *(part for pair in spec.env for part in pair)]:
        if "\0" in text or not _encodable(text):
            raise Refused("the command or its environment has a NUL character, or is not valid Unicode")
    for key, _ in spec.env:
        if not key or "=" in key:
            raise Refused(f"env: {key!r} is not a valid name of a variable")


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
