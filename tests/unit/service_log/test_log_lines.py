"""The lines of the log: their form, and what they never have."""

import json
import logging
from datetime import datetime, timedelta, timezone
from logging.handlers import BufferingHandler

import pytest

from pfcon.auth import issue_token
from pfcon.service_log import about, begin_request, write
from pfcon.service_log.lines import LONGEST, JsonFormatter, TextFormatter
from pfcon.settings.service import AuthSettings

log = logging.getLogger("pfcon.test")


def text_of(caplog: pytest.LogCaptureFixture) -> str:
    """The last line as text."""
    return TextFormatter().format(caplog.records[-1])


def test_text_lines_have_time_level_logger_and_fields(caplog: pytest.LogCaptureFixture) -> None:
    """A moment with a zone is written in UTC; empty values are left out; 0 is not empty."""
    at = datetime(2026, 11, 30, 18, 0, 0, 5000, timezone(timedelta(hours=1)))
    with caplog.at_level(logging.INFO):
        write(log, logging.INFO, "job", jid="j", exit_code=0, reason="", node=None, started=at)
    stamp, rest = text_of(caplog).split(" ", 1)
    assert datetime.fromisoformat(stamp).tzinfo is not None
    assert stamp.endswith("Z")
    assert rest == "INFO pfcon.test: job jid=j exit_code=0 started=2026-11-30T17:00:00.005Z"


@pytest.mark.parametrize(
    "hostile",
    ["a\nINFO pfcon: job jid=forged", "\x1b[2J", "a\u2028b", "\x85", "\u202eevil", "\udc80"],
    ids=["newline", "escape", "line separator", "next line", "right to left", "surrogate"],
)
def test_nobody_can_add_lines(hostile: str) -> None:
    """Control characters of a client are escaped, in the text and in fields, in both forms."""
    own = logging.Logger("pfcon.test")  # which pytest does not catch: pytest-xdist can't send a surrogate
    kept = BufferingHandler(10)
    own.addHandler(kept)
    write(own, logging.INFO, "request refused", error=hostile)
    own.info("refused: %s", hostile)
    assert len(kept.buffer) == 2
    for record in kept.buffer:
        for line in (TextFormatter().format(record), JsonFormatter().format(record)):
            assert len(line.splitlines()) == 1
            assert line.isprintable()


def test_the_text_of_an_exception_cannot_look_like_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """A traceback is indented, and its control characters are escaped."""
    try:
        raise ValueError("no\n2026-11-30T17:02:38.933Z INFO pfcon: job jid=forged\r\x1b[2J\u202e")
    except ValueError:
        log.exception("it failed")
    first, *others = text_of(caplog).split("\n")
    assert first.endswith("pfcon.test: it failed")
    assert others
    assert all(line.startswith("    ") and line.isprintable() for line in others)


def test_values_with_blanks_are_quoted_and_long_ones_cut(caplog: pytest.LogCaptureFixture) -> None:
    """So that a line can be split into its fields, and a value can't fill the disk."""
    with caplog.at_level(logging.INFO):
        write(log, logging.INFO, "job", detail='say "no" = x', paths=["a b", "c"], long="x" * (2 * LONGEST))
    line = text_of(caplog)
    assert r'detail="say \"no\" = x"' in line
    assert 'paths=["a b","c"]' in line
    assert len(line) < LONGEST + 200


def test_json_lines_are_objects(caplog: pytest.LogCaptureFixture) -> None:
    """Fields are keys; a traceback is one of them, not further lines. A field can't replace what each line has."""
    with caplog.at_level(logging.INFO):
        write(log, logging.INFO, "job", jid="j", level="high", bytes_in=3)
        try:
            raise ValueError("two\nlines")
        except ValueError:
            log.exception("it failed")
    first, second = (json.loads(JsonFormatter().format(record)) for record in caplog.records)
    assert (first["message"], first["level"], first["job_level"], first["bytes_in"]) == ("job", "info", "high", 3)
    assert second["traceback"].startswith("Traceback")


def test_all_lines_of_a_request_have_its_id(caplog: pytest.LogCaptureFixture) -> None:
    """Also those that know nothing of it; a line's own id counts more."""
    begin_request("r-1")
    with caplog.at_level(logging.INFO):
        log.warning("an engine is slow")
        write(log, logging.INFO, "job", request_id="r-0")
    formatted = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert [line["request_id"] for line in formatted] == ["r-1", "r-0"]


def test_no_line_has_the_token_of_a_client(caplog: pytest.LogCaptureFixture) -> None:
    """Who can read the log must not be able to use the service: a client may send its token where none belongs."""
    token = issue_token(AuthSettings(user="cube", password="a good password", secret_key="k" * 64))
    try:
        raise ValueError(f"it is {token}")
    except ValueError:
        log.exception("the path /api/v1/jobs/%s/", token, extra=about(agent=f"curl {token}", words=[token]))
    for line in (text_of(caplog), JsonFormatter().format(caplog.records[-1])):
        assert token.rpartition(".")[2] not in line
        assert line.count("[token]") == 4
        assert "/api/v1/jobs/[token]/" in line
