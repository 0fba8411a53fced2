"""The log of a live service: what has happened can be read in it, and no secret."""

import json
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support.live import PASSWORD, USER, Api, LiveServer, make_zip
from support.unlogged import UNLOGGED, secrets_in

from pfcon.service_log.limited import BURST
from pfcon.testing.waiting import PATIENCE, eventually

Lines = list[dict[str, Any]]


@pytest.fixture
def logged() -> Iterator[LiveServer]:
    """A server that logs as in production, as JSON, with its audit lines in a file."""
    with tempfile.TemporaryDirectory(prefix="pfcon-api-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        settings = {"PFCON_LOG_FORMAT": "json", "PFCON_LOG_LEVEL": "info", "PFCON_AUDIT_FILE": f"{name}/audit.log"}
        with LiveServer(storebase, settings) as live:
            yield live


def lines(path: Path, **wanted: object) -> Lines:
    """The lines of a log that have these values."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [line for line in found if wanted.items() <= line.items()]


def test_what_happens_to_jobs_is_logged_once_and_audited(logged: LiveServer) -> None:
    """A job that succeeds, one that fails and is deleted: each change, with the id of the request that made it."""
    api = Api(logged.url)
    api.headers["X-Request-ID"] = "feed-7"
    assert api.submit("good", 'cp -r "$0"/. "$1"', make_zip({"a": b"x"})).headers["X-Request-ID"] == "feed-7"
    assert api.submit("bad", "exit 3", make_zip({"a": b"x"})).ok
    assert api.wait("good")["status"] == "finishedSuccessfully"
    assert api.wait("bad")["status"] == "finishedWithError"
    api.headers["X-Request-ID"] = "cleaner"
    assert api.delete("jobs/bad/").ok
    log = logged.log_path
    assert eventually(lambda: lines(log, message="job", jid="bad", status="removed"))
    ended = lines(log, message="job", jid="bad", status="finishedWithError")
    assert len(ended) == 1
    assert (ended[0]["reason"], ended[0]["exit_code"], ended[0]["owner"]) == ("ExitCode", 3, "chris")
    assert ended[0]["detail"] == "the program failed with exit code 3"
    assert ended[0]["created"] <= ended[0]["staged"] <= ended[0]["started"] <= ended[0]["finished"]
    assert {line["request_id"] for line in lines(log, message="job")} == {"feed-7"}
    assert lines(log, message="job", jid="bad", status="removed")[0]["by_request_id"] == "cleaner"
    audit = Path(logged.environ["PFCON_AUDIT_FILE"])
    assert sorted((line["jid"], line["status"]) for line in lines(audit)) == [
        ("bad", "finishedWithError"),
        ("good", "finishedSuccessfully"),
    ]
    assert lines(audit, jid="good")[0]["mounted_inputs"] == ["key-good/incoming"]
    assert not lines(log, message="audit")
    assert not secrets_in(audit.read_text(), logged._environ())


@pytest.mark.parametrize("harm", ["its directory is renamed", "it may not be written"])
def test_an_audit_file_that_is_away_changes_no_job(logged: LiveServer, harm: str) -> None:
    """The job ends as it would; its audit line is in the log, and later ones are in the file again."""
    api, audit = Api(logged.url), Path(logged.environ["PFCON_AUDIT_FILE"])
    away = audit.with_name("away")
    if harm == "its directory is renamed":
        logged.stop()
        directory = audit.parent / "of-audit"
        directory.mkdir()
        logged.environ["PFCON_AUDIT_FILE"] = str(audit := directory / "audit.log")
        logged.start()
        directory.rename(away)
    else:
        audit.unlink()
        audit.mkdir()  # root may write to any file
    assert api.submit("away", "exit 0", make_zip({"a": b"x"})).status_code == 201
    assert api.wait("away")["status"] == "finishedSuccessfully"
    assert eventually(lambda: lines(logged.log_path, message="audit", jid="away"))
    assert lines(logged.log_path, message="job", jid="away", status="finishedSuccessfully")
    if audit.is_dir():
        audit.rmdir()
    else:
        away.rename(audit.parent)
    assert api.submit("back", "exit 0", make_zip({"a": b"x"})).status_code == 201
    assert eventually(lambda: audit.exists() and lines(audit, jid="back"))


@pytest.mark.parametrize("remove", ["DELETE", "deletejobs"])
def test_a_job_that_is_removed_while_it_runs_is_audited_once(logged: LiveServer, remove: str) -> None:
    """It has run on somebody's data, too."""
    api = Api(logged.url)
    assert api.submit("gone", "sleep 300", make_zip({"a": b"x"})).ok
    assert eventually(lambda: api.get("jobs/gone/").json()["compute"]["status"] == "started")
    if remove == "DELETE":
        assert api.delete("pluginjobs/gone/").ok
    else:
        assert api.post("deletejobs/", {"jid": "gone"}).ok
    audit = Path(logged.environ["PFCON_AUDIT_FILE"])
    assert eventually(lambda: lines(audit, jid="gone", kind="plugin"))
    if remove == "deletejobs":
        assert eventually(lambda: lines(audit, jid="gone", kind="delete"))
    [line] = lines(audit, jid="gone", kind="plugin")
    assert line["reason"] == ("Removed" if remove == "DELETE" else "Cancelled")
    assert (line["owner"], line["mounted_inputs"]) == ("chris", ["key-gone/incoming"])


def test_refused_requests_are_logged_without_what_they_sent(logged: LiveServer) -> None:
    """Logins, tokens, bad input, what is no HTTP at all: one line each, with the address and the answered id."""
    login = requests.post(
        logged.url + "auth-token/", json={"pfcon_user": USER, "pfcon_password": "my-other-password"}, timeout=PATIENCE
    )
    token = requests.get(logged.url + "jobs/x/", headers={"Authorization": "Bearer my-token"}, timeout=PATIENCE)
    absent = Api(logged.url).get("jobs/x/")
    large = requests.post(logged.url + "auth-token/", data=b"x" * 100_000, timeout=PATIENCE)
    log = logged.log_path
    for answer, text in (
        (login, "login refused"),
        (token, "token refused"),
        (absent, "request refused"),
        (large, "request refused"),
    ):
        [line] = lines(log, request_id=answer.headers["X-Request-ID"])
        assert (line["message"], line["status"]) == (text, answer.status_code)
        assert line["address"] == "127.0.0.1"
        assert line["error"]
    for secret in ("my-other-password", "my-token"):
        assert secret not in log.read_text()


def test_a_flood_of_one_kind_hides_no_other(logged: LiveServer) -> None:
    """Somebody who guesses passwords beside it is seen: each kind has lines of its own."""
    api = Api(logged.url)
    with requests.Session() as session:
        for number in range(2 * int(BURST) + 200):  # two processes
            session.get(logged.url + f"jobs/x{number}/", headers=api.headers, timeout=PATIENCE)
    assert eventually(lambda: sum(line.get("not_logged", 0) for line in lines(logged.log_path)) > 0)
    wrong = {"pfcon_user": USER, "pfcon_password": "guessed-password"}
    login = requests.post(logged.url + "auth-token/", json=wrong, timeout=PATIENCE)
    token = requests.get(logged.url + "jobs/x/", headers={"Authorization": "Bearer x"}, timeout=PATIENCE)
    for answer, text in ((login, "login refused"), (token, "token refused")):
        assert eventually(
            lambda answer=answer, text=text: lines(  # type: ignore[misc]
                logged.log_path, message=text, request_id=answer.headers["X-Request-ID"]
            )
        )


REST = "a-secret-that-went-on"
HEAD = b"POST /api/v1/auth-token/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"Content-Length: 2\r\n\r\n{}" + f'"pfcon_password":"{REST}"}}\r\n\r\n'.encode(),
        HEAD + b"Content-Length: 2\r\n\r\n{}" + f"API_KEY={REST}\r\n\r\n".encode(),
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + f"API_KEY={REST}\r\n\r\n".encode(),
        HEAD + f"Authorization Bearer {REST}\r\n\r\n".encode(),
        HEAD + f"X-{REST} : Bearer\r\n\r\n".encode(),
        HEAD + f"Transfer-Encoding: {REST}\r\n\r\n".encode(),
        HEAD + f"Expect: {REST}\r\nContent-Length: 2\r\n\r\n{{}}".encode(),
        f"GET /api/v1/health/ {REST}\r\n\r\n".encode(),
        f"GET({REST}) / HTTP/1.1\r\n\r\n".encode(),
        f"{REST.upper()} /api/v1/health/ HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    ],
)
def test_what_is_no_http_is_logged_without_what_it_was(logged: LiveServer, sent: bytes) -> None:
    """It may be the rest of a body with a wrong length. The answer to whoever has sent it may quote it."""
    answer = b""
    with socket.create_connection(("127.0.0.1", logged.port), PATIENCE) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while data := connection.recv(65536):
            answer += data
    assert b"HTTP/1.1 4" in answer or b"HTTP/1.1 501" in answer
    ids = re.findall(rb"X-Request-ID: (\w+)", answer)
    for one in ids:
        assert eventually(lambda one=one: lines(logged.log_path, request_id=one.decode()))  # type: ignore[misc]
    assert ids
    assert REST.lower() not in logged.log_path.read_text().lower()


def test_start_and_stop_are_logged(logged: LiveServer) -> None:
    """With the settings that differ from their defaults, and no secret."""
    logged.stop()
    [start], [stop] = (lines(logged.log_path, message=text) for text in ("service starts", "service stops"))
    assert start["PFCON_BIND"] == f"127.0.0.1:{logged.port}"
    assert start["CONTAINER_ENV"] == "process"
    assert not {"PFCON_PASSWORD", "SECRET_KEY"} & start.keys()
    assert stop["time"] >= start["time"]


@pytest.mark.parametrize(
    "leak", ["password=" + PASSWORD + "-of-site", "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDAwMDB9.c2lnbmF0dXJl", UNLOGGED]
)
def test_the_search_for_secrets_finds_them(leak: str) -> None:
    """What each test with a LiveServer does at its end."""
    assert secrets_in(f"INFO pfcon: {leak}", {"PFCON_PASSWORD": PASSWORD + "-of-site"})


def test_an_audit_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """At the start, by the setting's name."""
    storebase = tmp_path / "storeBase"
    storebase.mkdir()
    server = LiveServer(storebase, {"PFCON_AUDIT_FILE": str(tmp_path / "missing/audit.log")})
    with pytest.raises(AssertionError, match=r"PFCON_AUDIT_FILE: .*/missing/audit.log can't be written: No such file"):
        server.start()


def test_a_service_whose_standard_error_is_closed_serves(tmp_path: Path) -> None:
    """As some supervisors start it; the numbers of the streams must not become those of the database's files."""
    (tmp_path / "storeBase").mkdir()
    with LiveServer(tmp_path / "storeBase", python=("sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', sys.executable)) as live:
        api = Api(live.url)
        assert eventually(lambda: len(live.worker_pids) == 2)
        pids = live.worker_pids
        assert api.submit("quiet", "exit 0", make_zip({"a": b"x"})).status_code == 201
        assert api.wait("quiet")["status"] == "finishedSuccessfully"
        assert live.worker_pids == pids
        for number in range(3):
            assert Path(f"/proc/{pids[0]}/fd/{number}").readlink() == Path("/dev/null")
