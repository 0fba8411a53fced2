"""Operations as containers: copy and delete jobs run on Docker from the image of PFCON_OP_IMAGE."""

import contextlib
from collections.abc import Iterator

import docker
import pytest
from support.engines import api_client, docker_url, op_image
from support.live import COPY_ALL, LiveServer, StartServer
from support.staged import INNETWORK, StagedJob


@pytest.fixture
def server(start_server: StartServer) -> LiveServer:
    """An fslink server on Docker with an operations image, and something to copy."""
    server = start_server("docker", **INNETWORK, PFCON_OP_IMAGE=op_image())
    data = server.storebase / "home/bob/data"
    (data / "sub").mkdir(parents=True)
    (data / "sub/a b.txt").write_text("alpha")
    (data / "more.chrislink").write_text("home/bob/more")
    (server.storebase / "home/bob/more").mkdir()
    (server.storebase / "home/bob/more/m.txt").write_text("more")
    return server


@pytest.fixture
def engine() -> Iterator[docker.APIClient]:
    """The engine itself, to see what ran there."""
    with contextlib.closing(api_client(docker_url())) as client:
        yield client


def test_a_job_s_data_are_copied_and_deleted_by_a_swarm(start_server: StartServer) -> None:
    server = start_server("swarm", **INNETWORK, PFCON_OP_IMAGE=op_image("swarm"))
    server.storebase.joinpath("home/bob/data").mkdir(parents=True)
    server.storebase.joinpath("home/bob/data/a.txt").write_text("alpha")
    job = StagedJob(server)
    copied = job.copied()
    assert (copied["status"], copied["message"]) == ("finishedSuccessfully", "copied 1 files, 5 bytes")
    assert (job.key / "incoming/a.txt").read_text() == "alpha"
    assert job.delete().status_code == 201
    assert job.wait("delete")["status"] == "finishedSuccessfully"
    assert not job.key.exists()
    for kind in ("copy", "delete"):
        assert job.api.delete(f"{kind}jobs/{job.jid}/").status_code == 204


def test_a_job_s_whole_life_runs_in_containers(server: LiveServer, engine: docker.APIClient) -> None:
    job = StagedJob(server)
    copied = job.copied("home/bob/data", "home/bob/none")
    assert copied["status"] == "finishedSuccessfully", copied
    assert copied["message"].startswith("copied 2 files, 9 bytes")
    assert "'home/bob/none' does not exist" in copied["logs"]
    container = engine.inspect_container(f"{job.jid}-copy")
    assert container["Config"]["Image"] == op_image()
    assert container["Config"]["Labels"]["org.chrisproject.job_type"] == "copy"
    writable = [mount["Destination"] for mount in container["Mounts"] if mount["RW"]]
    assert writable == [f"/share/storebase/key-{job.jid}"]

    job.plugin(COPY_ALL, "home/bob/data", "home/bob/none")
    ended = job.wait("plugin")
    assert ended["status"] == "finishedSuccessfully", ended
    assert "'home/bob/none' does not exist" in ended["message"]
    assert sorted(job.files().json()["rel_file_paths"]) == ["home_bob_more/m.txt", "sub/a b.txt"]

    assert job.delete().status_code == 201
    assert job.wait("delete")["status"] == "finishedSuccessfully"
    assert not job.key.exists()
    for kind in ("copy", "plugin", "upload", "delete"):
        assert job.api.delete(f"{kind}jobs/{job.jid}/").status_code == 204
    with pytest.raises(docker.errors.NotFound):
        engine.inspect_container(f"{job.jid}-copy")


def test_a_copy_container_that_is_killed_is_run_again(server: LiveServer, engine: docker.APIClient) -> None:
    with (server.storebase / "home/bob/data/huge").open("wb") as huge:
        for number in range(400):
            huge.write(bytes([number % 251]) * 1_000_000)
    job = StagedJob(server)
    assert job.copy().status_code == 201
    with contextlib.suppress(docker.errors.APIError):  # it may have ended
        engine.kill(f"{job.jid}-copy")
    assert job.wait("copy")["status"] == "finishedSuccessfully"
    assert (job.key / "incoming/huge").stat().st_size == 400_000_000


def test_a_delete_job_cancels_the_plugin_s_container(server: LiveServer, engine: docker.APIClient) -> None:
    job = StagedJob(server)
    job.copied()
    job.plugin("sleep 300")
    answer = job.delete()
    assert (answer.status_code, answer.json()["compute"]["status"]) in ((201, "notStarted"), (201, "started"))
    assert job.wait("delete")["status"] == "finishedSuccessfully"
    assert not engine.inspect_container(job.jid)["State"]["Running"]
    assert "cancel" in job.wait("plugin")["message"]


def test_a_wrong_operations_image_ends_the_copy_job_with_the_reason(start_server: StartServer) -> None:
    server = start_server("docker", **INNETWORK, PFCON_OP_IMAGE="127.0.0.1:1/no/image:1")
    (server.storebase / "home/bob/data").mkdir(parents=True)
    ended = StagedJob(server).copied()
    assert ended["status"] == "finishedWithError"
    assert "127.0.0.1:1/no/image:1" in ended["message"]
