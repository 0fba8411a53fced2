"""Each line about a job has its jid as a field, so that a log server can show all of them."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from support.compute import make_harness
from support.job_context import make_context

import pfcon
from pfcon.compute.process.engine import ProcessEngine
from pfcon.jobs.about import of_name
from pfcon.jobs.ending import Ender
from pfcon.models import JobId, JobKind
from pfcon.paths import StoreBase
from pfcon.reasons import Reason, Why
from pfcon.records import Claimed, Phase
from pfcon.service_log.fields import fields_of

ROOT = Path(pfcon.__file__).parent
BY_CONTEXT = ("api", "compute", "testing")  # a request, and the caller of an engine, say whose lines follow
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in BY_CONTEXT)


def test_the_words_of_an_engine_are_found_by_the_job_and_by_its_request(
    storebase: StoreBase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They are in no answer: only the log has them."""
    context = make_context(storebase, tmp_path, ProcessEngine(storebase, stop_grace=2))
    spec = replace(make_harness("process", storebase.root).shell("true"), request_id="feed-7")
    found = context.journal.claim(spec.jid, JobKind.PLUGIN, "digest")
    assert isinstance(found, Claimed)
    record = replace(found.record, phase=Phase.SCHEDULING, spec_json=spec.to_json())
    assert context.journal.move(found.record, Phase.SCHEDULING, spec=spec.to_json())
    with caplog.at_level("INFO"):
        assert Ender(context).fail(record, Why("it can't be fetched", reason=Reason.IMAGE_FAILED, detail="dial tcp"))
    (line,) = [line for line in caplog.records if line.getMessage() == "words of the engine"]
    assert fields_of(line) == {
        "jid": spec.jid,
        "kind": "plugin",
        "request_id": "feed-7",
        "reason": "ImageFailed",
        "detail": "it can't be fetched",
        "words": "dial tcp",
    }


def lines_about_jobs(path: Path) -> list[ast.Call]:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    logged = [call for call in calls if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "log"]
    return [call for call in logged if any(text in ast.unparse(call.args[0]) for text in ("job %s", "job of %s"))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_about_a_job_lacks_its_fields(path: Path) -> None:
    for call in lines_about_jobs(path):
        assert "extra" in [word.arg for word in call.keywords], f"line {call.lineno}"


@pytest.mark.parametrize("kind", JobKind)
def test_a_name_on_an_engine_is_told_as_the_jid_that_clients_know(kind: JobKind) -> None:
    jid = JobId("chris-1")
    assert of_name(kind.engine_name(jid)) == {"pfcon_fields": {"jid": jid, "kind": kind.value}}
    assert of_name("no name of a job") == {"pfcon_fields": {"engine_name": "no name of a job"}}
