"""The released python-pfconclient 3.3.0, unchanged, through its whole life cycle against a live server."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from pfconclient import client as pfconclient
from pfconclient.exceptions import PfconRequestException, PfconRequestInvalidTokenException
from support.client_lives import write, zip_life_of_client_3
from support.live import COPY_ALL, JOB_FIELDS, PASSWORD, USER, LiveServer, new_jid


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A local input directory."""
    return Path(write(tmp_path / "inputs"))


@pytest.fixture
def client(live: LiveServer) -> pfconclient.Client:
    """A client with a token, as CUBE makes it."""
    token = pfconclient.Client.get_auth_token(live.url + "auth-token/", USER, PASSWORD)
    return pfconclient.Client(live.url, token)


def test_this_is_the_released_client() -> None:
    assert version("python-pfconclient") == "3.3.0"


def test_run_job_submits_polls_fetches_and_deletes(client: pfconclient.Client, tmp_path: Path) -> None:
    zip_life_of_client_3(client, tmp_path)


def test_each_step_by_itself(client: pfconclient.Client, inputs: Path, tmp_path: Path) -> None:
    assert client.get_server_info()["pfcon_innetwork"] is False
    jid = new_jid()
    content = client.create_zip_file(str(inputs)).getvalue()
    answer = client.submit_job(jid, {**JOB_FIELDS, "args": [COPY_ALL]}, content)
    assert answer["data"]["nfiles"] == 2
    client.initial_wait = 0.2
    assert client.poll_job_status(jid) == "finishedSuccessfully"
    compute = client.get_job_status(jid)["compute"]
    assert (compute["logs"], compute["exit_code"]) == ("copied\n", 0)  # a key that the client does not know
    client.get_job_zip_file(jid, str(tmp_path / "zips"))
    assert (tmp_path / "zips" / f"{jid}.zip").read_bytes()[:2] == b"PK"
    client.delete_job(jid)
    with pytest.raises(PfconRequestException) as caught:
        client.delete_job(jid)
    assert caught.value.code == 404


def test_the_first_request_of_a_fresh_cube_carries_a_token_that_is_none(live: LiveServer) -> None:
    with pytest.raises(PfconRequestInvalidTokenException) as caught:
        pfconclient.Client(live.url, "initial_token").get_server_info()
    assert caught.value.code == 401


def test_the_command_line_runs_a_job(
    live: LiveServer, client: pfconclient.Client, inputs: Path, tmp_path: Path
) -> None:
    script = tmp_path / "plugin.sh"
    script.write_text('test "$1" = --flag && cp -r "$3"/. "$4"\n')
    jid = new_jid()
    command = [
        *(sys.executable, "-m", "pfconclient", live.url, "--auth_token", client.auth_token, "run"),
        *("--jid", jid, "--args", "--flag x", "--auid", "chris", "--number_of_workers", "1"),
        *("--cpu_limit", "1000", "--memory_limit", "300", "--gpu_limit", "0", "--image", JOB_FIELDS["image"]),
        *("--selfexec", script.name, "--selfpath", str(tmp_path), "--execshell", "sh", "--type", "ds"),
        *(str(inputs), str(tmp_path / "out")),
    ]
    if live.environ.get("CONTAINER_ENV", "process") != "process":
        pytest.skip("the plugin's script is on this host, not in an image")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=dict(os.environ), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "finishedSuccessfully" in done.stdout
    assert (tmp_path / "out" / "a.txt").read_text() == "alpha"
