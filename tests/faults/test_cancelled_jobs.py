"""Cancelling a job through HTTP, on the engines and in each phase: it ends; its record, log and outputs are kept."""

import socket
from pathlib import Path

import pytest
import requests
from support.cromwell import fake_server
from support.engines import docker_url
from support.kubernetes import KubernetesHarness, kubernetes_server
from support.live import COPY_ALL, Api, LiveServer, StartServer, make_zip, new_jid
from support.relay import Relay
from support.slurm import slurm_environ
from support.staged import INNETWORK, StagedJob

from pfcon.paths import StoreBase
from pfcon.testing.waiting import eventually

ENGINES = ["process", *(pytest.param(name, marks=pytest.mark.engine(name)) for name in ("docker", "podman", "swarm"))]
ZIP = make_zip({"a": "b"})
LONG = 'echo made >"$1/made"; echo begun; while :; do sleep 0.1; done'
END = {"status": "finishedWithError", "message": "cancelled", "reason": "Cancelled"}


def cancel(api: Api, jid: str, jobs: str = "jobs") -> requests.Response:
    return api.post(f"{jobs}/{jid}/cancel/", {})


def has_end(compute: dict[str, str]) -> bool:
    return END.items() <= compute.items()


def state(api: Api, jid: str, jobs: str = "jobs") -> dict[str, str]:
    answer = api.get(f"{jobs}/{jid}/")
    assert answer.status_code == 200, answer.text
    compute: dict[str, str] = answer.json()["compute"]
    return compute


def check_running(api: Api, jid: str) -> None:
    """Cancel a job that runs: it keeps its log and outputs, and another request changes nothing."""
    assert api.submit(jid, LONG, ZIP).status_code == 201
    assert eventually(lambda: "begun" in state(api, jid)["logs"])
    answer = cancel(api, jid)
    assert answer.status_code == 200, answer.text
    ended = api.wait(jid)
    assert has_end(ended), ended
    assert "begun" in ended["logs"]
    assert api.unzip(jid) == {"made": b"made\n"}
    again = cancel(api, jid)
    assert (again.status_code, again.json()["compute"]) == (200, state(api, jid))
    assert api.delete(f"jobs/{jid}/").status_code == 204
    assert cancel(api, jid).status_code == 404


@pytest.mark.parametrize("engine", [*ENGINES, pytest.param("slurm", marks=pytest.mark.engine("slurm"))])
def test_a_running_job_ends_and_keeps_its_log_and_outputs(engine: str, start_server: StartServer) -> None:
    server = start_server(engine, **(slurm_environ() if engine == "slurm" else {}))
    check_running(Api(server.url), new_jid())


def test_a_job_on_kubernetes_ends_and_keeps_its_log_and_outputs(kubernetes: KubernetesHarness) -> None:
    jid = new_jid()
    kubernetes.names.append(jid)
    with kubernetes_server(kubernetes) as server:
        check_running(Api(server.url), jid)


@pytest.mark.engine("cromwell")
def test_a_job_on_cromwell_ends_and_keeps_its_log_and_outputs(storebase: StoreBase) -> None:
    with fake_server(storebase.root) as cromwell:
        environ = {"CONTAINER_ENV": "cromwell", "CROMWELL_URL": cromwell.url, "TIMELIMIT_MINUTES": "60"}
        with LiveServer(storebase.root, environ) as server:
            check_running(Api(server.url), new_jid())


def test_an_ended_job_and_an_unknown_one_are_left_as_they_are(start_server: StartServer) -> None:
    api, jid = Api(start_server().url), new_jid()
    for jobs in ("jobs", "pluginjobs", "copyjobs", "uploadjobs"):
        assert cancel(api, jid, jobs).status_code == 404
    assert cancel(api, jid, "deletejobs").status_code == 404
    assert api.submit(jid, COPY_ALL, ZIP).status_code == 201
    ended = api.wait(jid)
    assert ended["status"] == "finishedSuccessfully"
    answer = cancel(api, jid, "pluginjobs")
    assert (answer.status_code, answer.json()["compute"]) == (200, ended)
    url = f"{api.url}jobs/{jid}/cancel/"
    assert requests.post(url, timeout=60).status_code == 401
    assert requests.get(url, headers=api.headers, timeout=60).status_code == 405


def test_a_cancelled_job_can_be_posted_again(start_server: StartServer) -> None:
    api, jid = Api(start_server().url), new_jid()
    assert api.submit(jid, LONG, ZIP).status_code == 201
    cancel(api, jid)
    assert has_end(api.wait(jid))
    assert api.submit(jid, COPY_ALL, ZIP).status_code == 201
    assert api.wait(jid)["status"] == "finishedSuccessfully"
    assert state(api, jid)["reason"] == ""


def test_a_copy_job_that_runs_ends_and_is_not_run_again(start_server: StartServer) -> None:
    server = start_server("process", **INNETWORK)
    data = server.storebase / "home/bob/data"
    data.mkdir(parents=True)
    with (data / "large").open("wb") as file:
        file.truncate(20_000_000_000)
    for number in range(20_000):  # a file system may copy the large one, which is empty, in no time
        (data / str(number)).touch()
    job = StagedJob(server)
    assert job.copy().status_code == 201
    assert eventually(lambda: job.get("copy").json()["compute"]["status"] == "started")
    assert cancel(job.api, job.jid, "copyjobs").status_code == 200
    ended = job.wait("copy")
    assert has_end(ended), ended
    assert not (job.key / "incoming").exists()
    refused = job.plugin(COPY_ALL)
    assert (refused.status_code, "cancelled" in refused.json()["message"]) == (409, True)


@pytest.mark.engine("docker")
def test_a_job_whose_image_is_pulled_ends(start_server: StartServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a registry that accepts connections and never answers
        server = start_server("docker")
        api, jid = Api(server.url), new_jid()
        image = f"127.0.0.1:{silent.getsockname()[1]}/no/image:1"
        assert api.submit(jid, LONG, ZIP, image=image).status_code == 201
        assert state(api, jid)["status"] == "notStarted"
        assert has_end(cancel(api, jid).json()["compute"])
        assert has_end(state(api, jid))
        assert api.submit(jid, COPY_ALL, ZIP).status_code == 201
        assert api.wait(jid)["status"] == "finishedSuccessfully"


@pytest.mark.engine("docker")
def test_a_request_is_not_lost_while_the_engine_does_not_answer(start_server: StartServer, tmp_path: Path) -> None:
    with Relay(docker_url(), tmp_path / "docker.sock") as relay:
        server = start_server("docker", DOCKER_HOST=relay.url)
        api, jid = Api(server.url), new_jid()
        assert api.submit(jid, LONG, ZIP).status_code == 201
        assert eventually(lambda: "begun" in state(api, jid)["logs"])
        relay.cut()
        assert cancel(api, jid).status_code == 503
        relay.restore()
        assert has_end(api.wait(jid))
