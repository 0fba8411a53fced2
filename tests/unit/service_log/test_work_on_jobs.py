"""Lines of code that knows no job, as of engines and libraries, have the job that their thread works on."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.logged_lines import logged_lines

from pfcon.background import BackgroundPool
from pfcon.compute.about import of_name
from pfcon.compute.base import ComputeEngine
from pfcon.compute.unreadable import note
from pfcon.front.hub import Hub, Source, Stream
from pfcon.jobs.measuring.engine_calls import CALLS, measure
from pfcon.models import JobId, JobKind, JobSpec
from pfcon.service_log import NO_JOB, about, begin_request, log_context, set_job, working_on
from pfcon.testing.waiting import eventually
from pfcon.workers import WorkerPool

library = logging.getLogger("pfcon.test")
JOB = {"jid": "j1", "kind": "copy"}
OF_JOB = about(**JOB)
Lines = list[dict[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the library has said."""
    with logged_lines("pfcon.test") as found:
        yield found


def job_of(line: dict[str, Any]) -> dict[str, Any]:
    """The job and the request of a line."""
    return {name: line[name] for name in ("jid", "kind", "engine_name", "request_id") if name in line}


def test_all_lines_of_the_work_on_a_job_have_it(lines: Lines) -> None:
    library.info("before")
    with working_on(OF_JOB):
        library.info("within")
        with working_on(NO_JOB):
            library.info("of several")
    library.info("after")
    assert [job_of(line) for line in lines] == [{}, JOB, {}, {}]


def test_a_line_that_names_its_job_has_nothing_of_another_one(lines: Lines) -> None:
    with working_on(about(**JOB, request_id="r")):
        library.info("another", extra=about(jid="j2"))
        library.info("another", extra=of_name("-"))
        library.info("the same", extra=OF_JOB)
    assert [job_of(line) for line in lines] == [{"jid": "j2"}, {"engine_name": "-"}, {**JOB, "request_id": "r"}]


def test_the_request_that_made_a_job_is_known_where_no_request_is_served(lines: Lines) -> None:
    """Also when a step of the work knows only the name of the job."""
    with working_on(about(**JOB, request_id="of-post")), working_on(OF_JOB):
        library.info("in the background")
        begin_request("of-get")
        set_job(OF_JOB)
        library.info("in a request")
        with working_on(about(**JOB, request_id="of-post")):
            library.info("in a request, of a job that is known")
    assert [(line["request_id"], line.get("by_request_id")) for line in lines] == [
        ("of-post", None),
        ("of-get", None),
        ("of-post", "of-get"),
    ]


def test_the_next_request_of_a_thread_is_about_no_job_yet(lines: Lines) -> None:
    set_job(OF_JOB)
    begin_request("next")
    library.info("another client")
    assert job_of(lines[0]) == {"request_id": "next"}


FRAMEWORK: ContextVar[object] = ContextVar("framework", default=None)


def in_the_background(work: Callable[[], None]) -> None:
    pool = BackgroundPool(1)
    pool.add("work", work)
    pool.wait()


def in_several_threads(work: Callable[[], None]) -> None:
    WorkerPool("work", 2).run(work, lambda: None, threads=2)


@pytest.mark.parametrize("run", [in_the_background, in_several_threads])
def test_work_in_other_threads_is_about_the_same_job(lines: Lines, run: Callable[[Callable[[], None]], None]) -> None:
    """Nothing else comes with it: the request of a framework would stay in memory."""
    found: list[object] = []

    def work() -> None:
        found.append(FRAMEWORK.get())
        library.info("in thread %s", threading.current_thread().name)

    begin_request("r")
    token = FRAMEWORK.set("a request with its body")
    try:
        with working_on(OF_JOB):
            run(work)
    finally:
        FRAMEWORK.reset(token)
    assert lines
    assert all(job_of(line) == {**JOB, "request_id": "r"} for line in lines)
    assert set(found) == {None}


def test_work_that_fails_in_the_background_is_logged_with_its_job() -> None:
    def fail() -> None:
        raise ValueError("no")

    with logged_lines("pfcon.background") as lines, working_on(OF_JOB):
        in_the_background(fail)
    assert [job_of(line) for line in lines] == [JOB]


def test_a_stream_is_made_as_a_part_of_its_request(lines: Lines) -> None:
    """One thread makes all streams: each has its own job, also when it fails."""

    def source(text: str) -> Source:
        library.info("begun")
        yield text.encode()
        raise ValueError("no")

    hub = Hub(lambda *_: None)
    with logged_lines("pfcon.front.hub") as failed:
        for jid in ("j1", "j2"):
            begin_request(f"of-{jid}")
            set_job(about(jid=jid))
            hub.add(Stream(source(jid), chunked=False))
        assert eventually(lambda: len(failed) == 2)
    for found in (lines, failed):
        assert sorted((line["jid"], line["request_id"]) for line in found) == [("j1", "of-j1"), ("j2", "of-j2")]
    assert eventually(lambda: all(thread.name != "streams" for thread in threading.enumerate()))


@pytest.mark.parametrize("call", CALLS)
def test_what_an_engine_says_has_the_job_of_the_call(lines: Lines, call: str) -> None:
    """Also while something is done to another job; a list is about none of its jobs."""
    engine = SimpleNamespace(name="e", **{name: lambda *_: library.info("said") for name in CALLS})
    spec = JobSpec("j2", JobId("j2"), JobKind.PLUGIN, "i", ("true",), request_id="r2")
    arguments: dict[str, object] = {"schedule": spec, "prepare": spec, **dict.fromkeys(CALLS[2:6], "j2-upload")}
    wanted = {"jid": "j2", "kind": "upload"} if call in CALLS[2:6] else {}
    if call in ("schedule", "prepare"):
        wanted = {"jid": "j2", "kind": "plugin", "request_id": "r2"}
    measure(cast("ComputeEngine", engine))
    with working_on(OF_JOB):
        getattr(engine, call)(*([arguments[call]] if call in arguments else []))
    assert [job_of(line) for line in lines] == [wanted]


def test_what_a_list_has_shown_first_is_said_again_of_the_job() -> None:
    """So that it is found by the jid; and then not for some minutes."""
    with logged_lines("pfcon.compute.unreadable") as lines:
        for job in (NO_JOB, NO_JOB, OF_JOB, OF_JOB):
            with working_on(job):
                note("Slurm job 4711 is in the unknown state 'NEW'")
    assert [job_of(line) for line in lines] == [{}, JOB]


def test_a_context_for_another_thread_is_of_this_moment(lines: Lines) -> None:
    with working_on(OF_JOB):
        context = log_context()
    context.run(library.info, "later")
    assert [job_of(line) for line in lines] == [JOB]
