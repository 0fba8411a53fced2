"""The calls to Cromwell: what is asked, and what its answers become."""

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.cromwell_server import FakeCromwell

from pfcon.compute.cromwell import client
from pfcon.compute.cromwell.client import CromwellCalls, Found, error_of
from pfcon.compute.unanswered import NoAnswer
from pfcon.errors import Absent, Refused, Unreachable

LONG_AGO = "2020-01-01T00:00:00.000+00:00"
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeCromwell]:
    """A server that runs nothing: what is submitted stays so."""
    with FakeCromwell(tmp_path, lag=0) as server:
        server.held = True
        yield server


@pytest.fixture
def calls(server: FakeCromwell) -> CromwellCalls:
    return CromwellCalls(server.url + "/")


def test_a_workflow_is_submitted_with_its_labels_and_options(server: FakeCromwell, calls: CromwellCalls) -> None:
    workflow = calls.submit("version 1.0\n# Größe", {"pfcon-job": "Chris_jid.1"}, {"read_from_cache": False})
    found = server.workflows[workflow]
    assert found.source == "version 1.0\n# Größe"
    assert found.labels == {"pfcon-job": "Chris_jid.1"}
    assert found.options == {"read_from_cache": False}
    assert calls.status(workflow) == "Submitted"


def test_workflows_are_found_by_all_of_their_labels(calls: CromwellCalls) -> None:
    wanted = {"pfcon-job": "a.b_C", "pfcon-store": "1"}
    first = calls.submit("x", wanted | {"pfcon-claim": "t"}, {})
    for other in ({"pfcon-job": "a.b_C", "pfcon-store": "2"}, {"pfcon-job": "a.b", "pfcon-store": "1"}):
        calls.submit("x", other, {})
    assert calls.find(wanted, LONG_AGO) == [Found(first, wanted | {"pfcon-claim": "t"}, "Submitted")]
    assert calls.find(wanted, "2099-01-01T00:00:00.000+00:00") == []


def test_all_pages_of_a_query_are_read(
    server: FakeCromwell, calls: CromwellCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 2)
    expected = {calls.submit("x", {"pfcon-job": "a"}, {}) for _ in range(5)}
    server.requests.clear()
    assert {found.id for found in calls.find({"pfcon-job": "a"})} == expected
    assert len(server.requests) == 3


def test_metadata_has_what_was_asked_for(calls: CromwellCalls) -> None:
    workflow = calls.submit("x", {"a": "b"}, {})
    assert set(calls.metadata(workflow, ("status", "end"))) == {"id", "status", "calls"}


def test_what_cromwell_does_not_know_is_absent(calls: CromwellCalls) -> None:
    with pytest.raises(Absent, match="Unrecognized workflow ID"):
        calls.status(NOBODY)


def test_cromwells_refusal_is_given_back_in_its_words(calls: CromwellCalls) -> None:
    with pytest.raises(Refused, match=r"Cromwell refuses: .*The maximum is 255"):
        calls.submit("x", {"a": "b" * 256}, {})


def test_aborting_what_has_ended_is_no_error(calls: CromwellCalls) -> None:
    calls.abort(NOBODY)


@pytest.mark.parametrize("code", [500, 502, 503, 504, 429, 408])
def test_a_server_in_trouble_is_unreachable(server: FakeCromwell, calls: CromwellCalls, code: int) -> None:
    server.faults = [code]
    with pytest.raises(Unreachable, match="as the test wants it"):
        calls.version()


def test_nobody_there_is_unreachable_and_nothing_was_sent() -> None:
    with pytest.raises(NoAnswer, match="does not answer: connection refused") as fault:
        CromwellCalls("http://127.0.0.1:1").version()
    assert not fault.value.may_have_arrived


def test_a_server_that_stays_silent_is_unreachable_and_may_have_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "READ_TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        calls = CromwellCalls(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(NoAnswer, match="no answer in time") as fault:
            calls.submit("x", {}, {})
    assert fault.value.may_have_arrived


class _Page(http.server.BaseHTTPRequestHandler):
    """Something else than Cromwell."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "12")
        self.end_headers()
        self.wfile.write(b"<html>\nhello")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_something_else_than_cromwell_is_told_with_what_it_said() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Page) as page:
        serving = threading.Thread(target=page.handle_request)
        serving.start()
        with pytest.raises(Unreachable, match="is not a Cromwell server: <html> hello"):
            CromwellCalls(f"http://127.0.0.1:{page.server_port}").version()
        serving.join()


def test_errors_are_told_with_all_that_cromwell_lists() -> None:
    answer = {"status": "fail", "message": "Workflow input processing failed.", "errors": ["a", "b"]}
    fault = error_of(400, answer, b"")
    assert isinstance(fault, Refused)
    assert str(fault) == "Cromwell refuses: Workflow input processing failed.; a; b"


def test_a_proxy_of_the_environment_is_not_asked(
    server: FakeCromwell, calls: CromwellCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert calls.version() == "87-fake"
    assert calls.backends() == ["pfcon"]
