"""The webhook of a service that is killed, and one whose endpoint is slow or away."""

import time
from typing import Any

import pytest
from support.live import Api, StartServer, make_zip, new_jid
from support.webhooks import SECRET, Endpoint, endpoint

from pfcon.testing.waiting import eventually

ZIP = make_zip({"a.txt": "alpha"})
DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.engine("postgresql"))]


@pytest.fixture(params=DATABASES)
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of the records."""
    if request.param == "sqlite":
        return {}
    return {"PFCON_DATABASE_URL": request.getfixturevalue("postgresql")}


def settings_of(hook: Endpoint) -> dict[str, str]:
    return {"PFCON_WEBHOOK_URL": hook.url, "PFCON_WEBHOOK_SECRET": SECRET}


def test_what_ended_before_the_service_was_killed_is_delivered_by_the_next_one(
    start_server: StartServer, environ: dict[str, str]
) -> None:
    hook = Endpoint()
    server = start_server(**environ, **settings_of(hook))
    api = Api(server.url)
    jids = [new_jid() for _ in range(3)]
    for jid in jids:
        api.submit(jid, "true", ZIP)
        api.wait(jid)  # its end is recorded, with its event
    server.kill()
    with hook.listening():
        server.start()
        assert hook.receives(*jids)
        time.sleep(2)
        assert sorted(hook.accepted) == sorted((jid, "plugin", "finishedSuccessfully") for jid in jids)
        assert all(call.is_signed() for call in hook.calls)


def test_each_end_arrives_in_order_of_its_job_although_the_service_is_killed_again_and_again(
    start_server: StartServer, environ: dict[str, str]
) -> None:
    with endpoint() as hook:

        def answer(_event: dict[str, Any]) -> int:
            time.sleep(0.1)
            return 204

        hook.answer = answer
        server = start_server(**environ, **settings_of(hook))
        jids = [new_jid() for _ in range(6)]
        for script, jids_before_a_kill in (("exit 1", 2), ("true", 4)):
            for number, jid in enumerate(jids):
                api = Api(server.url)
                api.submit(jid, script, ZIP)
                api.wait(jid)
                if number % jids_before_a_kill == 1:  # while it delivers
                    server.kill()
                    server.start()
        assert eventually(lambda: all((jid, "plugin", "finishedSuccessfully") in hook.accepted for jid in jids))
        for jid in jids:
            events = [call.event for call in hook.calls if call.event["jid"] == jid]
            assert [event["id"] for event in events] == sorted(event["id"] for event in events)
            statuses = list(dict.fromkeys(event["status"] for event in events))  # one may come twice
            assert statuses == ["finishedWithError", "finishedSuccessfully"]


def test_a_slow_endpoint_does_not_delay_jobs(start_server: StartServer) -> None:
    with endpoint() as hook:

        def answer(_event: dict[str, Any]) -> int:
            time.sleep(5)
            return 204

        hook.answer = answer
        server = start_server(PFCON_WORKERS="1", PFCON_THREADS="8", **settings_of(hook))
        api = Api(server.url)
        first = new_jid()
        api.submit(first, "true", ZIP)
        api.wait(first)
        begun = time.monotonic()
        for _ in range(5):
            jid = new_jid()
            api.submit(jid, "true", ZIP)
            api.wait(jid)
        assert len(hook.calls) <= (time.monotonic() - begun) / 5 + 1
        assert hook.receives(first, jid)
        stopping = time.monotonic()
        api.submit(new_jid(), "true", ZIP)
        assert server.stop() == 0
        assert time.monotonic() - stopping < 15
