"""The programs of docs/events.md, as they are there."""

import time
from typing import Any

from support.documentation import ROOT
from support.live import Api, make_zip, new_jid
from support.markdown import Page

from pfcon.events.signature import sign

PAGE = Page(ROOT / "docs" / "events.md")


def program(marker: str) -> Any:
    """The function that a block of the page defines."""
    [block] = [block for block in PAGE.blocks if block.marker == marker]
    names: dict[str, Any] = {}
    exec(block.text, names)
    return names[marker]


def test_the_receiver_accepts_what_pfcon_has_signed_and_nothing_else() -> None:
    verify, body, now = program("verify"), b'{"id": 1}', str(int(time.time()))
    headers = {"X-Pfcon-Timestamp": now, "X-Pfcon-Signature": sign("the key", now, body)}
    assert verify(headers, body, "the key")
    assert not verify(headers, body + b" ", "the key")
    assert not verify(headers, body, "another key")
    assert not verify(headers | {"X-Pfcon-Timestamp": str(int(now) + 1)}, body, "the key")
    old = str(int(now) - 301)
    assert not verify({"X-Pfcon-Timestamp": old, "X-Pfcon-Signature": sign("the key", old, body)}, body, "the key")


def test_the_client_follows_the_events(api: Api) -> None:
    jid = new_jid()
    api.submit(jid, "true", make_zip({"a": "b"}))
    api.wait(jid)
    token = api.headers["Authorization"].removeprefix("Bearer ")
    found = []
    for name, event in program("follow")(api.url + "events/", token, last=0):
        assert name == "job"
        found += [event["status"]] if event["jid"] == jid else []
        if event["status"] == "finishedSuccessfully" and event["jid"] == jid:
            break
    assert found[0] == "notStarted"
    api.delete(f"jobs/{jid}/")
