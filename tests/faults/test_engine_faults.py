"""Images that can't be had, and engines that are away."""

import time
from pathlib import Path

import pytest
from support.engines import docker_url, podman_url
from support.live import COPY_ALL, Api, StartServer, make_zip, new_jid
from support.relay import Relay
from support.staged import INNETWORK, StagedJob

from pfcon.testing.waiting import eventually

ZIP = make_zip({"a": "b"})
URLS = {"docker": docker_url, "podman": podman_url}
engines = pytest.mark.parametrize("engine", ["docker", "podman"])


@engines
def test_a_post_does_not_wait_for_an_image_and_its_refusal_is_the_job_s_end(
    engine: str, start_server: StartServer
) -> None:
    api = Api(start_server(engine).url)
    jid = new_jid()
    answer = api.submit(jid, COPY_ALL, ZIP, image="127.0.0.1:1/no/image:1")
    assert answer.status_code == 201
    compute = answer.json()["compute"]
    assert (compute["status"], compute["message"]) == ("notStarted", "fetching image 127.0.0.1:1/no/image:1")
    ended = api.wait(jid)
    assert ended["status"] == "finishedWithError"
    assert (
        ended["message"]
        == "image 127.0.0.1:1/no/image:1 can't be fetched: its registry can't be reached, or answers with an error"
    )
    assert ended["reason"] == "RegistryUnreachable"
    assert api.delete(f"jobs/{jid}/").status_code == 204


@engines
def test_an_image_name_that_is_none_is_refused_and_leaves_nothing(engine: str, start_server: StartServer) -> None:
    server = start_server(engine)
    api = Api(server.url)
    jid = new_jid()
    answer = api.submit(jid, COPY_ALL, ZIP, image="UPPER//case")
    assert answer.status_code == 400, answer.text
    assert "UPPER//case" in answer.text
    assert api.get(f"jobs/{jid}/").status_code == 404
    assert not (server.storebase / f"key-{jid}").exists()


@engines
def test_out_of_memory_is_told_with_the_limit(engine: str, start_server: StartServer) -> None:
    api = Api(start_server(engine).url)
    jid = new_jid()
    api.submit(jid, "dd if=/dev/zero of=/dev/null bs=200M count=2", ZIP, memory_limit=64)
    ended = api.wait(jid)
    assert ended["status"] == "finishedWithError"
    assert "its memory limit of 64 MiB" in ended["message"] or ended["reason"] == "OutOfMemory"  # Podman, cgroups 1
    assert "64 MiB" in ended["message"]


@engines
def test_an_engine_that_is_away_is_unavailable_and_the_job_is_found_when_it_is_back(
    engine: str, start_server: StartServer, tmp_path: Path
) -> None:
    with Relay(URLS[engine](), tmp_path / "engine.sock") as relay:
        server = start_server(engine, DOCKER_HOST=relay.url)
        api = Api(server.url)
        jid = new_jid()
        api.submit(jid, 'until test -e "$1/go"; do sleep 0.05; done; echo done', ZIP)
        assert api.get(f"jobs/{jid}/").json()["compute"]["status"] == "started"
        relay.cut()
        away = api.get(f"jobs/{jid}/")
        assert away.status_code == 503
        assert away.headers["Retry-After"]
        other = new_jid()
        refused = api.submit(other, COPY_ALL, ZIP)
        assert refused.status_code == 503
        assert not (server.storebase / f"key-{other}").exists()
        (server.storebase / f"key-{jid}" / "outgoing" / "go").touch()
        relay.restore()
        assert api.wait(jid)["logs"] == "done\n"
        assert eventually(lambda: api.get(f"jobs/{other}/").status_code == 404)  # recovery may be about to remove it
        assert api.submit(other, COPY_ALL, ZIP).status_code == 201
        assert api.wait(other)["status"] == "finishedSuccessfully"


@engines
def test_a_removal_goes_on_by_itself_when_the_engine_is_back(
    engine: str, start_server: StartServer, tmp_path: Path
) -> None:
    with Relay(URLS[engine](), tmp_path / "engine.sock") as relay:
        server = start_server(engine, DOCKER_HOST=relay.url)
        api = Api(server.url)
        jid = new_jid()
        api.submit(jid, "sleep 300", ZIP)
        relay.cut()
        assert api.delete(f"jobs/{jid}/").status_code == 503
        relay.restore()
        assert eventually(lambda: api.get(f"jobs/{jid}/").status_code == 404)
        assert not (server.storebase / f"key-{jid}").exists()


@engines
def test_a_delete_job_is_accepted_while_the_engine_is_away_and_stops_the_job_when_it_is_back(
    engine: str, start_server: StartServer, tmp_path: Path
) -> None:
    with Relay(URLS[engine](), tmp_path / "engine.sock") as relay:
        server = start_server(engine, **INNETWORK, DOCKER_HOST=relay.url)
        (server.storebase / "home/bob/data").mkdir(parents=True)
        job = StagedJob(server)
        job.copied()
        job.plugin("sleep 300")
        relay.cut()
        accepted = job.delete()
        assert accepted.status_code == 201
        assert accepted.json()["compute"]["status"] == "notStarted"
        time.sleep(1)
        assert job.get("delete").json()["compute"]["status"] == "notStarted"
        relay.restore()
        assert job.wait("delete")["status"] == "finishedSuccessfully"
        assert "cancel" in job.wait("plugin")["message"]
        assert not job.key.exists()
