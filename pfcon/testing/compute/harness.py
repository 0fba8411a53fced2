"""The harness with which the compute contract tests one engine."""

import signal
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from pfcon.compute.base import ComputeEngine
from pfcon.errors import PfconError
from pfcon.models import INCOMING, OUTGOING, JobId, JobInfo, JobKind, JobSpec, JobStatus, Mount, User
from pfcon.paths import JobDir, StoreBase
from pfcon.testing.compute.capabilities import Capabilities
from pfcon.testing.compute.outside import kill_processes
from pfcon.testing.waiting import PATIENCE, checks, eventually
from pfcon.units import MINUTE

HEARTBEAT = 'while :; do echo x >> "$1"/beat; sleep 0.05; done'  # ``$1``: the output directory

Untouched = Callable[[], bool]
"""Returns whether the foreign job is unchanged."""


class MakeForeignJob(Protocol):
    """Creates a job with that name without pfcon, and removes it at the end of the context.

    forged: with all labels of pfcon's own jobs, and an unsigned request.
    """

    def __call__(self, name: str, *, forged: bool) -> AbstractContextManager[Untouched]:
        """Return a context whose value is an ``Untouched``."""


@dataclass
class Harness:
    """An engine with a storeBase, and what the contract needs to know about it.

    engine: the contract runs fastest when it waits only 1 or 2 seconds between SIGTERM and SIGKILL.
    image: of its jobs; must have sh, the common commands (cat, grep, hostname, ls, seq, setsid, ...) and python3.
    name: of the engine in skips and failures; by default ``engine.name``.
    can: which abilities it has.
    make_dead: returns an engine of the same class at an address where no server listens.
    labels_of: returns the labels of a job by its name, with the keys that a user of pfcon chose, and
        ``org.chrisproject.job_type``.
    prepare_job: called with the directory and the user of each job, before it is scheduled.
    foreign_job: creates a job without pfcon.
    kill_outside: sends a signal to all processes of a job, without pfcon. By default, those of this
        machine.
    end_keeper: ends the supervisor of a job without pfcon: for example its pod or its batch script.
    reports_end_early: the engine may report a job as ended while its last process is being killed.
    minute: length of a minute of time limits, in seconds, if the engine stops jobs itself (``own_time_limit``).
    workdir: the image's working directory; None if the engine has no images: then jobs start where their outputs go.
    """

    engine: ComputeEngine
    storebase: StoreBase
    image: str
    name: str = ""
    can: Capabilities = field(default_factory=Capabilities)
    make_dead: Callable[[], ComputeEngine] | None = None
    labels_of: Callable[[str], dict[str, str]] = lambda name: {}
    prepare_job: Callable[[JobDir, User | None], None] | None = None
    foreign_job: MakeForeignJob | None = None
    kill_outside: Callable[[JobSpec, signal.Signals], None] = kill_processes
    end_keeper: Callable[[JobSpec], None] | None = None
    reports_end_early: bool = False
    minute: float = MINUTE
    workdir: str | None = "/"
    names: list[str] = field(default_factory=list)
    """The names of all jobs that may be on the engine: ``close`` removes them."""

    def __post_init__(self) -> None:
        self.name = self.name or self.engine.name

    def dead(self) -> ComputeEngine:
        """Return an engine of the same class at an address where no server listens; skip the test if not supported."""
        self.can.need("unreachable")
        assert self.make_dead, "make_dead is needed, or Capabilities(unreachable=...)"
        return self.make_dead()

    def make_foreign(self, name: str, *, forged: bool) -> AbstractContextManager[Untouched]:
        """Create a job without pfcon, see ``MakeForeignJob``; skip the test if not supported."""
        self.can.need("foreign_jobs")
        assert self.foreign_job, "foreign_job is needed, or Capabilities(foreign_jobs=...)"
        return self.foreign_job(name, forged=forged)

    def lose_keeper(self, spec: JobSpec) -> None:
        """End the supervisor of a job; skip the test if it has none."""
        self.can.need("keeper")
        assert self.end_keeper, "end_keeper is needed, or Capabilities(keeper=...)"
        # As the service: only of a pod that it has seen it knows that a server before 1.26 has replaced it.
        assert eventually(lambda: self.engine.info(spec.name).status is JobStatus.STARTED)
        self.end_keeper(spec)

    def spec(self, argv: list[str], **overrides: Any) -> JobSpec:
        """Return a job with a new name; its two directories are created and mounted. overrides: fields of JobSpec."""
        jid = JobId.parse(f"pfcon-test-{uuid.uuid4().hex[:12]}")
        name = overrides.pop("name", str(jid))
        user = overrides.get("user")
        job = self.storebase.job(jid)
        job.make()
        job.incoming.mkdir()
        job.make_outgoing(user)
        if self.engine.by_path:
            job.allow_traversal(user)
        if self.prepare_job:
            self.prepare_job(job, user)
        mounts = (
            Mount(PurePosixPath(job.incoming_source), INCOMING, read_only=True),
            Mount(PurePosixPath(job.outgoing_source), OUTGOING, read_only=False),
        )
        self.names.append(name)
        fields: dict[str, Any] = {"kind": JobKind.PLUGIN, "image": self.image, "mounts": mounts, **overrides}
        return JobSpec(name=name, jid=jid, argv=tuple(argv), **fields)

    def shell(self, script: str, *args: str, **overrides: Any) -> JobSpec:
        """Return a job that runs a shell script; ``$1`` is the output directory, ``args`` follow."""
        return self.spec(["sh", "-c", script, "sh", str(OUTGOING), *args], **overrides)

    def start_lasting(self, script: str = "", **overrides: Any) -> JobSpec:
        """Start a job that runs until it is ended, and return it. The last argument of its command is unique.

        script: shell commands to run first.
        """
        mark = f"lasting-{uuid.uuid4().hex}"
        spec = self.shell(f'{script}echo x >"$1"/begun; while :; do sleep 0.1; done', mark, **overrides)
        self.engine.schedule(spec)
        assert eventually((self.outgoing(spec) / "begun").exists)
        return spec

    def incoming(self, spec: JobSpec) -> Path:
        """Return the directory of the job's inputs on this host."""
        return self.storebase.job(spec.jid).incoming

    def outgoing(self, spec: JobSpec) -> Path:
        """Return the directory of the job's outputs on this host."""
        return self.storebase.job(spec.jid).outgoing

    def wait(self, name: str, timeout: float = PATIENCE) -> JobInfo:
        """Poll until the job has ended; return its last state. Raises AssertionError after ``timeout`` seconds."""
        for _ in checks(timeout):
            info = self.engine.info(name)
            if info.status.final:
                return info
        raise AssertionError(f"{name} has not ended in {timeout} s: {info}")

    def run(self, spec: JobSpec, timeout: float = PATIENCE) -> JobInfo:
        """Schedule a job and ``wait`` for it."""
        self.engine.schedule(spec)
        return self.wait(spec.name, timeout)

    def has_stopped(self, path: Path) -> bool:
        """Whether a job that has ended according to the engine no longer writes to a file."""
        return not still_changes(path) or (self.reports_end_early and eventually(lambda: not still_changes(path)))

    def close(self) -> None:
        """Remove every job that a test may have scheduled. Raises AssertionError when one could not be removed."""
        self.remove_jobs()

    def remove_jobs(self) -> None:
        """Remove all jobs of ``names``. Raises AssertionError when one could not be removed."""
        with ThreadPoolExecutor(8) as pool:
            faults = [fault for fault in pool.map(self._remove, dict.fromkeys(self.names)) if fault]
        assert not faults, f"jobs left on {self.name}: {faults}"

    def _remove(self, name: str) -> str:
        try:
            self.engine.remove(name)
        except PfconError as fault:
            return f"{name}: {fault}"
        return ""


def still_changes(path: Path) -> bool:
    """Whether the size of a file changes in the next 0.4 seconds."""
    before = path.stat().st_size
    time.sleep(0.4)
    return path.stat().st_size != before
