"""Wrong logins against a live server: slowed to a few a second, while the right user gets in."""

import http.client
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.live import PASSWORD, USER, LiveServer

from pfcon import logins
from pfcon.testing.waiting import PATIENCE, checks

WORKERS = 2  # that LiveServer starts; each has allowances of its own


@pytest.fixture
def door() -> Iterator[LiveServer]:
    """A server of its own: the limit would disturb other tests' logins."""
    with tempfile.TemporaryDirectory(prefix="pfcon-api-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        with LiveServer(storebase) as live:
            yield live


def login(server: LiveServer, password: str, address: str = "127.0.0.1") -> tuple[int, object, str | None]:
    """One attempt from an address of this host: status, message, Retry-After."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, PATIENCE, source_address=(address, 0))
    body = json.dumps({"pfcon_user": USER, "pfcon_password": password})
    connection.request("POST", "/api/v1/auth-token/", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = json.loads(answer.read()).get("message")
    connection.close()
    return answer.status, told, answer.getheader("Retry-After")


def test_guesses_are_slowed_and_the_right_user_gets_in(door: LiveServer) -> None:
    assert login(door, PASSWORD, "127.0.0.3")[0] == 200
    begin = time.monotonic()
    answers = [login(door, f"guess-{number}") for number in range(400)]
    seconds = time.monotonic() - begin
    counted = Counter(status for status, _, _ in answers)
    assert set(counted) == {400, 429}
    assert counted[400] <= WORKERS * (logins.SOURCE_BURST + seconds * (logins.SOURCE_RATE + logins.RETRY_RATE) + 2)
    assert {answer[1:] for answer in answers if answer[0] == 400} == {
        ("Unable to log in with provided credentials.", None)
    }
    [(text, wait)] = {answer[1:] for answer in answers if answer[0] == 429}
    assert "too many failed logins" in str(text)
    assert wait == "5"
    assert login(door, PASSWORD, "127.0.0.3")[0] == 200
    assert login(door, PASSWORD, "127.0.0.2")[0] == 200
    # Also from the guesser's own address, by the same attempt as often as is told.
    for _ in checks(PATIENCE):
        if login(door, PASSWORD)[0] == 200:
            return
    pytest.fail("the right user was locked out")
