"""How the released clients and CUBE see that too many jobs are active, and what they do once there are fewer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pfconclient import client as pfconclient
from pfconclient.exceptions import PfconRequestException
from support.client4 import Client4, Client4Error
from support.client_lives import write
from support.cube import Cancelled, Cube, Instance
from support.live import COPY_ALL, JOB_FIELDS, PASSWORD, USER, LiveServer, make_zip, new_jid
from support.serving import serve

INPUT = make_zip({"a": "b"})
WAIT = 'until [ -e "$1/go" ]; do sleep 0.05; done'


@pytest.fixture(scope="module")
def one_each() -> Iterator[LiveServer]:
    """A server on which each user may have one active job, and all together two."""
    with serve(
        "process", "zipfile", PFCON_MAX_ACTIVE_JOBS="2", PFCON_MAX_ACTIVE_JOBS_PER_OWNER="1", PFCON_WORKERS="2"
    ) as server:
        yield server


@pytest.fixture
def cube(one_each: LiveServer) -> Cube:
    """CUBE, with that server."""
    return Cube(one_each)


@pytest.fixture
def busy(cube: Cube) -> Iterator[Instance]:
    """A job that is active."""
    instance = Instance(WAIT, zip_file=INPUT)
    cube.submit("plugin", instance.fields(), INPUT)
    yield instance
    assert cube.delete("plugin", instance.jid).status_code == 204


def end(cube: Cube, instance: Instance) -> None:
    (cube.server.storebase / f"key-{instance.jid}/outgoing/go").touch()
    cube.poll("plugin", instance.jid)


def test_the_answer_is_json_with_the_numbers_and_says_when_to_ask_again(cube: Cube, busy: Instance) -> None:
    answer = cube.post("plugin", Instance(WAIT, zip_file=INPUT).fields(), INPUT)
    assert answer.status_code == 429
    assert answer.json() == {
        "message": "too many active jobs of user 'chris': 1, and the limit is 1 (PFCON_MAX_ACTIVE_JOBS_PER_OWNER); "
        "post this one again once some have ended"
    }
    assert answer.headers["Retry-After"] == "30"


def test_the_limit_of_all_users_is_named(cube: Cube, busy: Instance) -> None:
    other = Instance(WAIT, zip_file=INPUT)
    cube.submit("plugin", {**other.fields(), "auid": "ann"}, INPUT)
    third = {**Instance(WAIT, zip_file=INPUT).fields(), "auid": "bob"}
    answer = cube.post("plugin", third, INPUT)
    assert answer.status_code == 429
    assert "too many active jobs: 2, and the limit is 2 (PFCON_MAX_ACTIVE_JOBS)" in answer.json()["message"]
    assert cube.delete("plugin", other.jid).status_code == 204


def test_a_repeated_post_of_an_active_job_is_answered_with_it(cube: Cube, busy: Instance) -> None:
    assert cube.submit("plugin", busy.fields(), INPUT)["jid"] == busy.jid
    answer = requests.post(
        cube.server.url + "jobs/", busy.fields(), files={"data_file": INPUT}, headers=cube.headers, timeout=60
    )
    assert answer.status_code == 201


def test_cube_cancels_the_instance_and_goes_on_with_the_others(cube: Cube, busy: Instance) -> None:
    refused = Instance(COPY_ALL, zip_file=INPUT)
    with pytest.raises(Cancelled, match="429"):
        cube.run(refused)
    cube.clean_up(refused)  # there is nothing to delete, which CUBE accepts
    assert cube.status("plugin", busy.jid)["status"] in ("notStarted", "started")
    end(cube, busy)
    compute, names = cube.run(Instance(COPY_ALL, zip_file=INPUT))
    assert (compute["status"], names) == ("finishedSuccessfully", {"a"})


def test_client_4_raises_its_own_error_and_the_same_request_succeeds_later(
    cube: Cube, busy: Instance, tmp_path: Path
) -> None:
    job = (new_jid(), {**JOB_FIELDS, "args": [COPY_ALL]}, write(tmp_path / "inputs"))
    jid = job[0]
    with Client4(cube.server.url) as client:
        with pytest.raises(Client4Error, match="the limit is 1") as caught:
            client("submit_job", "plugin", *job)
        assert (caught.value.name, caught.value.code) == ("PfconRequestException", 429)
        assert client("get_job_status", "plugin", busy.jid)["compute"]["jid"] == busy.jid
        end(cube, busy)
        assert client("submit_job", "plugin", *job)["compute"]["jid"] == jid
        assert client("poll_job_status", "plugin", jid) == "finishedSuccessfully"
        client("delete_job", "plugin", jid)


def test_client_3_raises_its_own_error_and_the_same_request_succeeds_later(cube: Cube, busy: Instance) -> None:
    token = pfconclient.Client.get_auth_token(cube.server.url + "auth-token/", USER, PASSWORD)
    client = pfconclient.Client(cube.server.url, token)
    client.initial_wait = 0.2
    jid, fields = new_jid(), {**JOB_FIELDS, "args": [COPY_ALL]}
    with pytest.raises(PfconRequestException, match="the limit is 1") as caught:
        client.submit_job(jid, fields, INPUT)
    assert caught.value.code == 429
    end(cube, busy)
    assert client.submit_job(jid, fields, INPUT)["compute"]["jid"] == jid
    assert client.poll_job_status(jid) == "finishedSuccessfully"
    client.delete_job(jid)
