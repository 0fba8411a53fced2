"""Logs that the service keeps, on a real engine: when containers are removed, and when the service is killed."""

import time

import pytest
from support.engines import api_client, docker_url
from support.live import Api, LiveServer, StartServer, make_zip, new_jid

from pfcon.testing.waiting import eventually

SCRIPT = 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "line $i"; done; {}; echo end'
TEXT = "".join(f"line {number}\n" for number in range(1, 3001)).encode() + b"end\n"


def submit(server: LiveServer, between: str = ":") -> tuple[Api, str]:
    """A job that has run, or runs, as a client that is logged in."""
    api, jid = Api(server.url), new_jid()
    assert api.submit(jid, SCRIPT.format(between), make_zip({"a": b"x"})).status_code == 201
    return api, jid


def remove_container(jid: str) -> None:
    """Without pfcon."""
    client = api_client(docker_url())
    client.remove_container(jid, force=True)
    client.close()


def is_copied(server: LiveServer, jid: str) -> bool:
    """Whether nothing is left to be copied of a job's log."""
    private = server.storebase / ".pfcon"
    return (private / "logs" / jid).is_dir() and not (private / "logs-unfinished" / jid).exists()


@pytest.mark.engine("docker")
def test_a_log_outlives_its_container_and_a_restart_of_the_service(start_server: StartServer) -> None:
    server = start_server("docker")
    api, jid = submit(server)
    assert api.wait(jid)["status"] == "finishedSuccessfully"
    assert eventually(lambda: is_copied(server, jid))
    remove_container(jid)
    assert api.get(f"jobs/{jid}/logs/").content == TEXT
    server.kill()
    server.start()
    again = Api(server.url)
    assert again.get(f"jobs/{jid}/logs/").content == TEXT
    assert again.delete(f"jobs/{jid}/").status_code == 204
    assert again.get(f"jobs/{jid}/logs/").status_code == 404
    assert not (server.storebase / ".pfcon" / "logs" / jid).exists()


@pytest.mark.engine("docker")
def test_the_log_of_a_job_that_ended_while_no_service_ran_is_copied_without_a_request(
    start_server: StartServer,
) -> None:
    server = start_server("docker")
    api, jid = submit(server, "sleep 2")
    assert eventually(lambda: b"line 3000\n" in api.get(f"jobs/{jid}/logs/").content)
    server.kill()
    time.sleep(3)
    server.start()
    assert eventually(lambda: is_copied(server, jid))
    remove_container(jid)
    assert Api(server.url).get(f"jobs/{jid}/logs/").content == TEXT


@pytest.mark.engine("docker")
def test_while_the_engine_is_away_what_is_kept_is_sent(start_server: StartServer) -> None:
    server = start_server("docker")
    api, jid = submit(server, "sleep 1000")
    assert eventually(lambda: api.get(f"jobs/{jid}/logs/").content.endswith(b"line 3000\n"))
    server.kill()
    server.environ["DOCKER_HOST"] = "tcp://127.0.0.1:9"
    server.start()
    away = Api(server.url)
    assert away.get(f"jobs/{jid}/logs/").content == TEXT.removesuffix(b"end\n")
    remove_container(jid)


@pytest.mark.engine("docker")
def test_without_anything_kept_an_engine_that_is_away_is_told(start_server: StartServer) -> None:
    server = start_server("docker")
    _, jid = submit(server, "sleep 1000")
    server.kill()
    server.environ["DOCKER_HOST"] = "tcp://127.0.0.1:9"
    server.start()
    assert Api(server.url).get(f"jobs/{jid}/logs/").status_code == 503
    remove_container(jid)
