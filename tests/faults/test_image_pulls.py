"""Jobs whose image has to be fetched first, from a real registry behind a slow line."""

import contextlib
import os
import re
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest
import requests
from support.engines import api_client, docker_url, podman_url, registry
from support.live import Api, StartServer, make_zip, new_jid
from support.registry import push_image
from support.relay import Relay
from support.tcp_relay import SlowRelay

from pfcon.reasons import Reason
from pfcon.testing.waiting import PATIENCE, eventually

ZIP = make_zip({"a": "b"})
URLS = {"docker": docker_url, "podman": podman_url}
RUN = 'echo ran >> "$1/runs"; echo done'  # leaves a mark for each time that it ran
RATE = 20_000  # bytes a second: the layer with the commands takes most of a minute; a test does not wait for it
LAYERS = [30_000, 300_000]  # bytes, beside that layer


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> str:
    """An engine that pulls from the registry."""
    name: str = request.param
    registry(name)
    return name


@pytest.fixture
def relay(engine: str) -> Iterator[SlowRelay]:
    """The slow line."""
    with SlowRelay(registry(engine), RATE) as relay:
        yield relay


@pytest.fixture
def push(engine: str, relay: SlowRelay) -> Iterator[Callable[..., str]]:
    """A function that puts a new image into the registry alone: its name, by way of the slow line."""
    with contextlib.closing(api_client(URLS[engine]())) as client:
        names = []

        def push(**shape: int) -> str:
            repository = f"pfcon/{uuid.uuid4().hex}"
            push_image(registry(engine), repository, URLS[engine](), LAYERS, **shape)
            names.append(f"{relay.url}/{repository}:1")
            return names[-1]

        yield push
        for name in names:
            with contextlib.suppress(docker.errors.NotFound):
                client.remove_image(name, force=True)


@pytest.fixture
def image(push: Callable[..., str]) -> str:
    """An image that is in the registry alone."""
    return push()


def message_of(api: Api, jid: str) -> str:
    """What is told of a job that waits for its image."""
    compute = api.get(f"jobs/{jid}/").json()["compute"]
    assert compute["status"] == "notStarted", compute
    return str(compute["message"])


def has_progress(api: Api, jid: str, image: str) -> bool:
    """Whether some layers are told to be there, and not all."""
    told = re.fullmatch(rf"fetching image {re.escape(image)}: (\d+) of (\d+) layers", message_of(api, jid))
    return told is not None and 0 < int(told[1]) < int(told[2])


def assert_ran_once(api: Api, jid: str) -> None:
    """Wait for the job's good end; remove it."""
    ended = api.wait(jid)
    assert (ended["status"], ended["logs"]) == ("finishedSuccessfully", "done\n"), ended
    assert api.unzip(jid) == {"runs": b"ran\n"}
    assert api.delete(f"jobs/{jid}/").status_code == 204


def test_a_post_answers_at_once_and_the_job_runs_when_its_image_has_come(
    engine: str, relay: SlowRelay, image: str, start_server: StartServer
) -> None:
    server = start_server(engine)
    api = Api(server.url)
    assert api.get(f"jobs/{new_jid()}/").status_code == 404  # connected to the engine
    jid = new_jid()
    answer = api.submit(jid, RUN, ZIP, image=image)
    assert answer.status_code == 201, answer.text
    compute = answer.json()["compute"]
    assert (compute["status"], compute["message"]) == ("notStarted", f"fetching image {image}")
    assert eventually(lambda: has_progress(api, jid, image))
    assert requests.get(server.url + "health/", timeout=PATIENCE).json() == {"health": "OK"}
    assert message_of(api, jid).startswith("fetching")  # still: nobody waited for it
    relay.hurry()
    assert_ran_once(api, jid)


def test_identical_posts_during_a_pull_are_one_job(
    engine: str, relay: SlowRelay, image: str, start_server: StartServer
) -> None:
    api = Api(start_server(engine).url)
    jid = new_jid()
    with ThreadPoolExecutor(8) as pool:
        posts = [pool.submit(api.submit, jid, RUN, ZIP, image=image) for _ in range(8)]
        answers = [post.result() for post in posts]
    assert [answer.status_code for answer in answers] == [201] * 8
    computes = [answer.json()["compute"] for answer in answers]
    assert {(compute["jid"], compute["status"]) for compute in computes} == {(jid, "notStarted")}
    relay.hurry()
    assert_ran_once(api, jid)


def test_a_job_deleted_during_its_pull_never_runs_and_its_jid_is_free(
    engine: str, relay: SlowRelay, image: str, start_server: StartServer
) -> None:
    server = start_server(engine)
    api = Api(server.url)
    jid, begin = new_jid(), int(time.time())
    assert api.submit(jid, "echo the first job ran", ZIP, image=image).status_code == 201
    assert eventually(lambda: has_progress(api, jid, image))
    assert api.delete(f"jobs/{jid}/").status_code == 204
    relay.hurry()
    time.sleep(2)  # the time that the pull and the start take
    assert api.get(f"jobs/{jid}/").status_code == 404
    assert not (server.storebase / f"key-{jid}").exists()
    assert starts(engine, jid, begin) == 0
    assert api.submit(jid, RUN, ZIP, image=image).status_code == 201
    assert_ran_once(api, jid)
    assert starts(engine, jid, begin) == 1


def starts(engine: str, jid: str, since: int) -> int:
    """How often the engine has started a container of that name."""
    with contextlib.closing(api_client(URLS[engine]())) as client:
        wanted = {"container": jid, "event": "start"}
        return len(list(client.events(since=since, until=int(time.time()) + 1, filters=wanted)))


def test_a_pull_goes_on_by_itself_after_a_kill_of_the_service(
    engine: str, relay: SlowRelay, image: str, start_server: StartServer
) -> None:
    server = start_server(engine)
    api = Api(server.url)
    jid = new_jid()
    assert api.submit(jid, RUN, ZIP, image=image).status_code == 201
    assert eventually(lambda: has_progress(api, jid, image))
    placed = api.get(f"jobs/{jid}/").json()["compute"]["placed"]
    assert placed  # it is not the engine that it waits for
    server.kill()
    relay.hurry()
    server.start()
    mark = server.storebase / f"key-{jid}" / "outgoing" / "runs"
    assert eventually(mark.exists)  # nobody has asked for its status either
    ended = api.wait(jid)
    assert ended["placed"] == placed < ended["started"]
    assert_ran_once(api, jid)


def test_a_registry_lost_during_a_pull_is_the_job_s_end_and_a_later_post_succeeds(
    engine: str, relay: SlowRelay, push: Callable[..., str], start_server: StartServer
) -> None:
    # Docker tries for 75 s to get a layer, yet only for five to get an image's configuration: that is still under way
    # when the line breaks.
    image = push(config_noise=2_000_000)
    api = Api(start_server(engine).url)
    jid = new_jid()
    assert api.submit(jid, RUN, ZIP, image=image).status_code == 201
    if engine == "docker":  # Podman gets the configuration before the first layer
        assert eventually(lambda: has_progress(api, jid, image))
    time.sleep(0.5)
    assert message_of(api, jid).startswith(f"fetching image {image}")
    relay.cut()
    ended = api.wait(jid)
    assert ended["status"] == "finishedWithError"
    assert f"image {image} can't be fetched" in ended["message"]
    assert ended["reason"] in (Reason.REGISTRY_UNREACHABLE, Reason.IMAGE_CORRUPT)  # refused, or an unexpected EOF
    relay.hurry()
    relay.restore()
    assert api.submit(jid, RUN, ZIP, image=image).status_code == 201
    assert_ran_once(api, jid)


@pytest.mark.parametrize("unknown", ["tag", "repository"])
def test_the_registry_s_refusal_is_the_reason(
    unknown: str, engine: str, relay: SlowRelay, push: Callable[..., str], start_server: StartServer
) -> None:
    image = push().removesuffix("1") + "2" if unknown == "tag" else f"{relay.url}/pfcon/{uuid.uuid4().hex}:1"
    api = Api(start_server(engine).url)
    jid = new_jid()
    assert api.submit(jid, RUN, ZIP, image=image).status_code == 201
    ended = api.wait(jid)
    assert ended["status"] == "finishedWithError"
    assert f"image {image} can't be fetched: its registry does not have it" in ended["message"]
    assert ended["reason"] == Reason.IMAGE_NOT_FOUND
    assert api.delete(f"jobs/{jid}/").status_code == 204


def test_every_worker_tells_of_a_pull_from_the_record(
    engine: str, relay: SlowRelay, image: str, start_server: StartServer, tmp_path: Path
) -> None:
    path, aside = tmp_path / "engine.sock", tmp_path / "aside.sock"
    with Relay(URLS[engine](), path) as line:
        server = start_server(engine, DOCKER_HOST=line.url, PFCON_WORKERS="2")
        api = Api(server.url)
        jid = new_jid()
        assert api.submit(jid, RUN, ZIP, image=image).status_code == 201
        assert eventually(lambda: has_progress(api, jid, image))
        path.rename(aside)  # the pull goes on, but nobody can ask the engine for anything else
        pids = server.worker_pids
        assert len(pids) == 2
        for pid in pids:
            with stopped(pid):  # the other one has to answer, each time on a new connection
                assert all(has_progress(api, jid, image) for _ in range(3))
        aside.rename(path)
        relay.hurry()
        assert_ran_once(api, jid)


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let a process stand still (proc_pid_stat(5), field 3)."""
    os.kill(pid, signal.SIGSTOP)
    try:
        assert eventually(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("T"))
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_deleted_job_whose_pull_ends_does_not_take_the_next_one_s_place(
    engine: str, relay: SlowRelay, push: Callable[..., str], start_server: StartServer
) -> None:
    api = Api(start_server(engine).url)
    image, jid = push(), new_jid()
    with SlowRelay(registry(engine), RATE) as other:
        second = other.url + "/" + push().partition("/")[2]
        api.submit(jid, 'echo first >> "$1/runs"', ZIP, image=image)
        assert eventually(lambda: has_progress(api, jid, image))
        assert api.delete(f"jobs/{jid}/").status_code == 204
        assert api.submit(jid, RUN, ZIP, image=second).status_code == 201
        relay.hurry()
        time.sleep(2)
        other.hurry()
        assert_ran_once(api, jid)
