"""What a service does by itself with jobs: what its engine says then has the jid, although it knows only names."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn, cast

import pytest
from support.copied_logs import ApiEngine
from support.job_context import leading_service, make_context
from support.logged_lines import logged_lines
from support.old_jobs import PLUGIN, age_records, ended, posted
from support.watched_service import record, watch

from pfcon.compute.base import Mine, anyone
from pfcon.compute.kubernetes.watcher import Watcher
from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Conflict, ImageMissing, Unreachable
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext, request_id
from pfcon.jobs.logs.copier import LogCopier
from pfcon.jobs.logs.followers import Followers
from pfcon.jobs.orphan_removal import OrphanRemover
from pfcon.jobs.orphans import OrphanFinder
from pfcon.models import JobId, JobInfo, JobSpec
from pfcon.paths import StoreBase
from pfcon.records import Blocked, Claimed, Held, Journal, Phase, Place, unsigned
from pfcon.records.cancellations import request_cancellation
from pfcon.service_log import about, begin_request, working_on
from pfcon.testing.waiting import eventually

if TYPE_CHECKING:
    from pfcon.compute.kubernetes.client import KubernetesCalls

engine_log = logging.getLogger("pfcon.test.engine")
JID = JobId("talked-of")
PLACE = Place("home/u", "home/u", writable=True)
CALLS = ("schedule", "info", "logs", "open_log", "log_after", "cancel", "remove")
Lines = list[dict[str, Any]]


def _talking(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def talk(*args: Any, **kwargs: Any) -> Any:
        engine_log.info("%s", name)
        return call(*args, **kwargs)

    return talk


class TalkingEngine(ApiEngine):
    """Says each call. lacks_image: whether ``schedule`` asks for it first. is_away: it removes nothing."""

    lacks_image = is_away = False

    def __init__(self, storebase: StoreBase) -> None:
        super().__init__(storebase, stop_grace=1)
        for name in CALLS:
            setattr(self, name, _talking(name, getattr(self, name)))

    def schedule(self, spec: JobSpec) -> JobInfo:
        if self.lacks_image:
            raise ImageMissing("the image is not there")
        return super().schedule(spec)

    def remove(self, name: str, mine: Mine = anyone) -> None:
        if self.is_away:
            raise Unreachable("the engine is away")
        super().remove(name, mine)

    def prepare(self, *_: object) -> None:
        self.lacks_image = False


@pytest.fixture
def engine(storebase: StoreBase) -> Iterator[TalkingEngine]:
    engine = TalkingEngine(storebase)
    yield engine
    engine.remove(JID)


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path, engine: TalkingEngine) -> JobContext:
    return make_context(storebase, tmp_path, engine)


@pytest.fixture
def service(context: JobContext) -> JobService:
    return leading_service(context)


def post(service: JobService, script: str = "exec sleep 600") -> None:
    """Post a job in a request, as other lines of which are no concern here."""
    begin_request("of-post")
    try:
        posted(service, JID, script)
    finally:
        begin_request("")


@contextmanager
def said(*calls: str) -> Iterator[None]:
    """A context in which the engine has to be called so, each time for the job, by the service itself."""
    with logged_lines(engine_log.name) as lines:
        yield
        assert eventually(lambda: {line["message"] for line in list(lines)} >= set(calls)), lines
    assert lines
    assert {(line.get("jid"), line.get("kind", "plugin")) for line in lines} == {(JID, "plugin")}, lines


def test_watching_it_and_stopping_it(service: JobService, context: JobContext) -> None:
    post(service)
    with said("info"):
        watch(service)
    assert request_cancellation(context.journal, record(context, JID))
    with said("cancel"):
        watch(service)


def test_the_request_that_made_it_is_known_then(service: JobService) -> None:
    post(service)
    with logged_lines(engine_log.name) as lines:
        watch(service)
        assert eventually(lambda: lines)
    assert {line.get("request_id") for line in lines} == {"of-post"}


def test_copying_its_log_at_its_end(service: JobService, context: JobContext, tmp_path: Path) -> None:
    post(service, f"until test -e '{tmp_path}/end'; do sleep 0.05; done; echo hello")
    with said("log_after"):
        tmp_path.joinpath("end").touch()
        assert eventually(lambda: (watch(service), record(context, JID).phase)[1] is Phase.FINAL)


def test_copying_its_log_for_those_who_follow(service: JobService) -> None:
    post(service, "while echo hello; do sleep 0.2; done")
    with service.logs.following(JID, PLUGIN), said("log_after"):
        pass


def test_copying_its_log_after_the_service_was_away(service: JobService, context: JobContext) -> None:
    post(service, "echo hello")
    assert eventually(lambda: service.status(JID, PLUGIN)[0].status.final)
    assert eventually(lambda: not list(context.log_store.unfinished()))
    context.log_store.delete(JID)
    context.log_store.note_unfinished(record(context, JID))
    with said("log_after"):
        service.logs.tidy()


def test_recovering_it(service: JobService, context: JobContext) -> None:
    dead = Journal(lambda: context.journal.database.engine)
    found = dead.claim(JID, PLUGIN, "r")
    assert isinstance(found, Claimed)
    request = context.signer.sign(JID, request_id("r", found.record.claim))
    spec = JobSpec(JID, JID, PLUGIN, "i", ("sleep", "600"), request=request, request_id="of-post")
    assert dead.move(found.record, Phase.SCHEDULING, spec=spec.to_json())
    dead.end_lease()
    with said("schedule"):
        service.recover()


def test_starting_it_once_its_image_is_there(service: JobService, engine: TalkingEngine) -> None:
    engine.lacks_image = True
    with logged_lines(engine_log.name) as lines:
        post(service)
        assert eventually(lambda: [line["message"] for line in lines].count("schedule") == 2)
    assert [(line.get("jid"), line["request_id"]) for line in lines if line["message"] == "schedule"][1:] == [
        (JID, "of-post")
    ]


def test_removing_it_long_after_its_end(service: JobService, context: JobContext) -> None:
    ended(service, JID)
    age_records(context, 8)
    before = record(context, JID).changed_at + 1
    with said("info", "remove"):
        assert service._retention.remove_ended(before) == 1


def test_rolling_back_its_submission(service: JobService, context: JobContext, engine: TalkingEngine) -> None:
    """Another request has deleted it meanwhile, and the engine did not answer."""
    post(service)
    submitted = record(context, JID)
    assert context.journal.move(submitted, Phase.REMOVED)
    engine.is_away = True
    rollbacks = service._remover.rollbacks
    with pytest.raises(Unreachable):
        rollbacks.roll_back(submitted)
    engine.is_away = False
    with said("remove"):
        rollbacks.retry()


def test_releasing_its_directories_for_another_job(service: JobService, context: JobContext) -> None:
    post(service)
    spec = record(context, JID).spec
    assert spec is not None
    held = Held(JID, PLUGIN, unsigned(spec.request), asking=False, above=False, wanted=PLACE)
    with working_on(about(jid="another")), said("info"), pytest.raises(Conflict):
        service._claimer._keeper.release_ended(Blocked((held,)))


@pytest.mark.parametrize("by", ["command", "service", "service that fails"])
def test_removing_what_is_left_without_a_record(
    service: JobService, context: JobContext, engine: TalkingEngine, by: str
) -> None:
    ended(service, JobId("old"))
    age_records(context, 100, "old")
    request = context.signer.sign(JID, request_id("r", "claim"))
    spec = JobSpec(JID, JID, PLUGIN, "i", ("true",), request=request)
    ProcessEngine.schedule(engine, spec)
    assert eventually(lambda: ProcessEngine.info(engine, JID).status.final)
    engine.is_away = by == "service that fails"
    with logged_lines("pfcon.jobs") as own:
        if by == "command":
            [orphan] = OrphanFinder(context).find()
            assert OrphanRemover(context, service._remover).remove(orphan)
        else:
            service._retention.remove_orphans(time.time() + 60)
    engine.is_away = False
    about_it = [line for line in own if JID in line["message"]]
    assert about_it
    assert {(line["jid"], line["kind"]) for line in about_it} == {(JID, "plugin")}


def test_a_pod_that_is_deleted_before_its_end() -> None:
    """The thread that follows the pods of all jobs."""
    with logged_lines(engine_log.name) as lines:
        watcher = Watcher(cast("KubernetesCalls", None), 1, 1.0, lambda _: engine_log.info("lost"))
        watcher._jobs._known = {JID: {JID: {"metadata": {"uid": "u"}}}}
        watcher._pod_deleted(JID)
    assert [(line["jid"], line["kind"]) for line in lines] == [(JID, "plugin")]


@pytest.mark.parametrize("pool", ["ENDED", "REST"])
def test_a_log_that_cannot_be_copied_now(
    service: JobService, context: JobContext, monkeypatch: pytest.MonkeyPatch, pool: str
) -> None:
    def no_thread(*_: object) -> NoReturn:
        raise RuntimeError("can't start new thread")

    post(service)
    monkeypatch.setattr(f"pfcon.jobs.logs.copier.{pool}", SimpleNamespace(add=no_thread))
    copier = LogCopier(context)
    with logged_lines("pfcon.jobs.logs") as lines:
        copier.finish(JID, PLUGIN) if pool == "ENDED" else copier.go_on(record(context, JID))
    assert [(line["jid"], line["kind"]) for line in lines] == [(JID, "plugin")]


@pytest.mark.parametrize("fault", [Unreachable("no answer"), ValueError("a fault of pfcon")])
def test_a_log_that_is_followed_and_cannot_be_copied(fault: Exception) -> None:
    def fail(*_: object) -> NoReturn:
        raise fault

    with logged_lines("pfcon.jobs.logs") as lines, Followers(fail).following(JID, PLUGIN):
        assert eventually(lambda: lines)
    assert (lines[0]["jid"], lines[0]["kind"]) == (JID, "plugin")
