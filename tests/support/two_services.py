"""Two pfcon services on one engine, each with a storeBase, a key and records of its own."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pfcon.compute.signing import Signer
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.models import JobId, JobInfo, JobKind, JobRequest, JobStatus, PluginType
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

from .compute import make_harness
from .cromwell import CromwellHarness, harness_at
from .engines import IMAGE
from .job_context import make_context
from .kubernetes import KubernetesHarness
from .zips import good_zip, spooled

PLUGIN = JobKind.PLUGIN
UNTIL_TOLD = 'echo "this is {word}"; until [ -e "$1/end" ]; do sleep 0.1; done; echo "{word} was not disturbed"'


@dataclass(frozen=True)
class Service:
    """One service, and the word that its jobs write to their logs.

    has_logs: a Cromwell server keeps the logs of all its jobs below one storeBase, whoever has submitted them.
    """

    word: str
    context: JobContext
    jobs: JobService
    has_logs: bool

    @property
    def id(self) -> str:
        """What its jobs carry."""
        return self.context.signer.service_id()

    def post(self, jid: JobId) -> None:
        """Start a job that runs until ``end``."""
        script = UNTIL_TOLD.format(word=self.word)
        request = JobRequest(jid, IMAGE, ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0, args=(script,))
        upload = spooled(good_zip({"a": b"b"}))
        with upload.file:
            self.jobs.submit(request, upload)

    def look(self, jid: JobId) -> tuple[JobInfo, str]:
        """Its plugin job and the log of that."""
        return self.jobs.status(jid, PLUGIN)

    def runs(self, jid: JobId) -> bool:
        """Whether its job goes on, with its own log."""

        def begun() -> bool:
            info, log = self.look(jid)
            return info.status is JobStatus.STARTED and (f"this is {self.word}" in log or not self.has_logs)

        return eventually(begun)

    def end(self, jid: JobId) -> None:
        """Let the job end, which then has ended well."""
        (self.context.storebase.job(jid).outgoing / "end").write_text("")
        assert eventually(lambda: self.has_ended_well(jid))

    def has_ended_well(self, jid: JobId) -> bool:
        """Whether nobody has disturbed its job; False while it runs."""
        info, log = self.look(jid)
        assert not info.status.failed, info
        return info.status is JobStatus.SUCCEEDED and f"{self.word} was not disturbed" in log

    def delete(self, jid: JobId) -> None:
        """``DELETE`` with the job's data."""
        self.jobs.remove(jid, PLUGIN, with_data=True)


@dataclass(frozen=True)
class Pair:
    """Both services. ``apart``: whether each has a directory of its own on disk; Kubernetes has one claim for tests."""

    a: Service
    b: Service
    compute: Harness
    apart: bool


@contextlib.contextmanager
def two_services(engine: str, storebase: StoreBase, databases: Path, jid: JobId) -> Iterator[Pair]:
    """Two on one engine. databases: a directory of the test's own. jid: of the job that they may leave."""
    with contextlib.ExitStack() as closing:
        root = Path(
            closing.enter_context(tempfile.TemporaryDirectory(prefix="pfcon-test-", ignore_cleanup_errors=True))
        )
        root.chmod(0o755)
        one = make_harness(engine, storebase.root)
        closing.callback(one.close)
        apart = not isinstance(one, KubernetesHarness)
        other = _beside(one, engine, root)
        if other is not one and not isinstance(other, CromwellHarness):
            closing.callback(other.close)
        for harness in (one, other):
            harness.names.append(str(jid))
        a, b = _service("A", one, databases / "a"), _service("B", other, databases / "b")
        if not apart:  # a key of its own is what makes it another service
            vars(b.context)["signer"] = Signer(StoreBase(root))
        assert a.id != b.id
        yield Pair(a, b, one, apart)


def _beside(one: Harness, engine: str, root: Path) -> Harness:
    if isinstance(one, KubernetesHarness):
        return one
    if isinstance(one, CromwellHarness):
        assert one.server
        return harness_at(one.server, StoreBase(root))
    return make_harness(engine, root)


def _service(word: str, compute: Harness, database: Path) -> Service:
    database.mkdir()
    storebase = replace(compute.storebase, passable=True)  # for a rootless engine
    context = make_context(storebase, database, compute.engine)
    jobs = JobService(context)
    jobs.start()
    has_logs = not isinstance(compute, CromwellHarness) or word == "A"
    return Service(word, context, jobs, has_logs)
