"""SIGKILL of the whole service at any moment: jobs are found again or reported failed, and can be completed."""

import contextlib
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.live import Api, LiveServer, StartServer, make_zip, new_jid

FILES = 1500
MANY = make_zip({f"d{n % 20}/f{n}": f"{n}" * 300 for n in range(FILES)})
# Says so when it finds less than all of its inputs; leaves a mark for each time that it ran.
COUNT = f'n=$(find "$0" -type f | wc -l); test "$n" -eq {FILES} || {{ echo HALF $n; exit 9; }}; echo ran >> "$1/ran"'
ENGINES = ["process", "docker", "podman"]


def post_in_background(api: Api, jid: str) -> tuple[threading.Thread, list[int]]:
    """POST a job while the test does something else; the status, if an answer came."""
    statuses: list[int] = []

    def post() -> None:
        with contextlib.suppress(requests.RequestException):  # the server is killed meanwhile
            statuses.append(api.submit(jid, COUNT, MANY).status_code)

    thread = threading.Thread(target=post)
    thread.start()
    return thread, statuses


def finish(api: Api, jid: str) -> dict[str, str]:
    """What a client does that wants the job done: post again until it is there and has ended."""
    for _ in range(3):
        answer = api.submit(jid, COUNT, MANY)
        assert answer.status_code == 201, answer.text
        ended = api.wait(jid)
        if ended["status"] == "finishedSuccessfully":
            return ended
        assert "while it prepared the job" in ended["message"], ended
    raise AssertionError(f"{jid} does not end well: {ended}")


def seconds_of_a_post(api: Api) -> float:
    """How long a submission takes here that nobody disturbs."""
    jid, begin = new_jid(), time.monotonic()
    assert api.submit(jid, COUNT, MANY).status_code == 201
    taken = time.monotonic() - begin
    api.wait(jid)
    assert api.delete(f"jobs/{jid}/").status_code == 204
    return taken


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_job_survives_a_kill_at_any_moment_of_its_submission(engine: str, start_server: StartServer) -> None:
    server = start_server(engine)
    whole = seconds_of_a_post(Api(server.url))
    dice = random.Random(5)
    rounds = interrupted = 0
    while rounds < 8 or (interrupted < 2 and rounds < 30):
        rounds += 1
        jid = new_jid()
        thread, statuses = post_in_background(Api(server.url), jid)
        time.sleep(dice.uniform(0, whole))
        server.kill()
        thread.join()
        server.start()
        api = Api(server.url)
        known = api.get(f"jobs/{jid}/")
        assert known.status_code in (200, 404), known.text
        if known.status_code == 200:
            ended = api.wait(jid)
            assert ended["status"] == "finishedSuccessfully" or "while it prepared the job" in ended["message"], ended
        interrupted += not statuses
        whole *= 0.6 if statuses else 1  # the first one may have been slow
        if statuses == [201]:
            assert known.status_code == 200
        ended = finish(api, jid)
        assert "HALF" not in ended["logs"]
        assert api.unzip(jid) == {"ran": b"ran\n"}
        assert api.delete(f"jobs/{jid}/").status_code == 204
    assert interrupted >= 2, "most kills came after the answer: the test shows less than it says"
    assert list((server.storebase / ".pfcon" / "spool").iterdir()) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_running_job_goes_on_while_the_service_is_dead(engine: str, start_server: StartServer) -> None:
    server = start_server(engine)
    jid = new_jid()
    script = 'echo before; until test -e "$1/go"; do sleep 0.05; done; echo after; cp "$0"/a "$1"'
    Api(server.url).submit(jid, script, make_zip({"a": "alpha"}))
    server.kill()
    (server.storebase / f"key-{jid}" / "outgoing" / "go").touch()
    time.sleep(0.5)
    server.start()
    api = Api(server.url)
    ended = api.wait(jid)
    assert (ended["status"], ended["logs"]) == ("finishedSuccessfully", "before\nafter\n")
    assert api.unzip(jid)["a"] == b"alpha"


def test_a_half_staged_job_is_reported_failed_and_its_data_removed(start_server: StartServer) -> None:
    server = start_server()
    for _ in range(5):  # on a busy machine a kill may come when all is staged
        jid = new_jid()
        thread, _ = post_in_background(Api(server.url), jid)
        while thread.is_alive() and not list(server.storebase.glob(f"key-{jid}/*.partial/*")):
            time.sleep(0.001)
        server.kill()
        thread.join()
        server.start()
        api = Api(server.url)
        compute = api.wait(jid)
        if compute["status"] != "finishedSuccessfully":
            break
    assert compute["status"] == "finishedWithError"
    assert "run it again" in compute["message"]
    assert not (server.storebase / f"key-{jid}").exists()
    finish(api, jid)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_services_that_share_a_storebase_are_one(
    database: str, start_server: StartServer, request: pytest.FixtureRequest
) -> None:
    environ = {"PFCON_DATABASE_URL": request.getfixturevalue("postgresql")} if database == "postgresql" else {}
    first = start_server("process", **environ)
    with LiveServer(first.storebase, first.environ) as second:
        one, two = Api(first.url), Api(second.url)
        jid = new_jid()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: (one, two)[n % 2].submit(jid, COUNT, MANY), range(8)))
        assert [answer.status_code for answer in answers] == [201] * 8
        assert two.wait(jid)["status"] == "finishedSuccessfully"
        assert one.unzip(jid) == {"ran": b"ran\n"}
        assert two.delete(f"jobs/{jid}/").status_code == 204
        assert one.get(f"jobs/{jid}/").status_code == 404


def test_a_job_whose_record_is_lost_is_found_on_the_engine(start_server: StartServer) -> None:
    server = start_server()
    jid = new_jid()
    Api(server.url).submit(jid, "echo here", make_zip({"a": "b"}))
    Api(server.url).wait(jid)
    server.kill()
    for path in (server.storebase / ".pfcon" / "records").iterdir():
        path.unlink()
    server.start()
    api = Api(server.url)
    compute = api.wait(jid)
    assert (compute["status"], compute["logs"]) == ("finishedSuccessfully", "here\n")
    assert api.delete(f"jobs/{jid}/").status_code == 204
    assert not (server.storebase / f"key-{jid}").exists()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_post_leaves_a_running_job_alone_whose_record_is_lost(engine: str, start_server: StartServer) -> None:
    server = start_server(engine)
    jid = new_jid()
    script = 'until test -e "$1/go"; do sleep 0.05; done; cat "$0/a"'
    Api(server.url).submit(jid, script, make_zip({"a": "mine"}))
    server.kill()
    for path in (server.storebase / ".pfcon" / "records").iterdir():
        path.unlink()
    server.start()
    api = Api(server.url)
    refused = api.submit(jid, "echo other", make_zip({"a": "other"}))
    assert refused.status_code == 409
    assert "no record" in refused.json()["message"]
    (server.storebase / f"key-{jid}" / "outgoing" / "go").touch()
    ended = api.wait(jid)
    assert (ended["status"], ended["logs"]) == ("finishedSuccessfully", "mine")
    assert api.delete(f"jobs/{jid}/").status_code == 204
