"""Each failure on one engine, over HTTP: the code, the sentence, the log with both, and how soon they can be read.

For modules with ENGINE, which import all of this.
"""

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from support.live import JOB_FIELDS, Api, make_zip, new_jid

from pfcon.testing.waiting import PATIENCE, eventually
from reasons.bad_registry import BadRegistry
from reasons.failures import FAILURES, Expected, Failure
from reasons.matrix import PROPERTY, Cell
from reasons.servers import Site

SECONDS = 10.0  # from the end, by the engine's clock, until a client can read why
UNSTARTED_SECONDS = 30.0  # from the POST, of a job that never started: then its end is pfcon's own decision
POLL = 0.5
GRACE = 10.0  # between SIGTERM and SIGKILL


def fields_of(failure: Failure, registry: BadRegistry) -> dict[str, Any]:
    fields = {**JOB_FIELDS, "cpu_limit": 100, "args": [failure.script], **failure.fields}
    if failure.script:
        fields["entrypoint"], fields["args"] = ["sh", "-c"], [failure.script]
    elif "args" not in failure.fields:
        fields["args"] = []
    if failure.registry:
        fields["image"] = registry.image(failure.registry)
    return fields


def wait(api: Api, jid: str, expected: Expected, *, cancel: bool) -> tuple[dict[str, Any], float]:
    """Poll as ChRIS does, but more often; return the answer about the end, or the reason of the wait, and its time."""
    if cancel:
        assert eventually(lambda: "said it" in api.get(f"jobs/{jid}/").json()["compute"]["logs"])
        assert api.post(f"jobs/{jid}/cancel/", {}).status_code == 200
    deadline = time.monotonic() + 4 * PATIENCE
    while True:
        compute: dict[str, Any] = api.get(f"jobs/{jid}/").json()["compute"]
        waits = (compute["status"], compute["reason"]) == (expected.status, expected.reason)
        if compute["status"] not in ("notStarted", "started"):
            return compute, time.time()
        if waits and re.fullmatch(expected.sentence, compute["message"]):
            return compute, time.time()
        assert time.monotonic() < deadline, compute
        time.sleep(POLL)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_a_failure(failure: Failure, site: Site, record_property: Callable[[str, object], None]) -> None:
    expected = failure.on(site.engine)
    if not isinstance(expected, Expected):
        pytest.skip(expected)
    jid = new_jid()
    posted_at = time.time()
    answer = site.api.post("jobs/", {**fields_of(failure, site.registry), "jid": jid}, make_zip({"a": "b"}))
    assert answer.status_code == 201, answer.text
    try:
        compute, seen_at = wait(site.api, jid, expected, cancel=failure.cancel)
    finally:
        site.remove(jid)
    started, finished = compute["started"], compute["finished"]
    since = datetime.fromisoformat(finished).timestamp() if started and finished else posted_at
    seconds = seen_at - since
    message = compute["message"].replace(site.registry.host, "REGISTRY")
    cell = Cell(compute["status"], compute["reason"], message, seconds)
    record_property(PROPERTY, [failure.name, site.engine, *cell])
    assert compute["status"] == expected.status, compute
    assert compute["reason"] == expected.reason, compute
    assert re.fullmatch(expected.sentence, compute["message"]), compute["message"]
    assert expected.says in compute["logs"], compute["logs"]
    assert compute["logs"].endswith(f"pfcon: {compute['message']}\n") is expected.in_log
    assert compute["logs"].count(compute["message"]) == expected.in_log, compute["logs"]
    allowed = SECONDS if started else UNSTARTED_SECONDS
    longest = allowed + POLL + (GRACE if site.engine in failure.late else 0)
    assert seconds < longest, f"{seconds:.1f} s, not {longest:g}: {compute}"
