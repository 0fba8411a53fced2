"""The released clients and CUBE's behaviour in-network with swift and s3, on the process engine and on Docker.

On Docker the operations run from the operations image; it reaches the store over the bridge's address.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from pfconclient import client as pfconclient
from support.client4 import Client4, Client4Error
from support.cube import Cube, Instance
from support.engines import op_image
from support.live import COPY_ALL, JOB_FIELDS, PASSWORD, USER, LiveServer, new_jid
from support.serving import serve
from support.user_objects import OBJECT_STORES, UserObjects, seen_from_containers, url_of

DONE = "finishedSuccessfully"
COPY_LIMITS = {"cpu_limit": 1000, "memory_limit": 200}
INPUTS = {"home/chris/in/a.txt": b"alpha", "home/chris/in/sub/b c.txt": b"beta", "home/chris/in2/x": b"a neighbour"}
OUTPUTS = {"a.txt": b"alpha", "sub/b c.txt": b"beta"}


@dataclass
class Objects:
    """A server, and the users' objects."""

    server: LiveServer
    users: UserObjects


@pytest.fixture(
    scope="module", params=[f"{engine}-{name}" for engine in ("process", "docker") for name in OBJECT_STORES]
)
def objects(request: pytest.FixtureRequest) -> Iterator[Objects]:
    """Each storage on each engine."""
    engine, storage = request.param.split("-")
    url = url_of(storage)
    settings = {}
    with ExitStack() as stack:
        if engine == "docker":
            settings = {"PFCON_OP_IMAGE": op_image()}
            url = stack.enter_context(seen_from_containers(url))
        users = UserObjects(storage, url)
        users.add(INPUTS)
        yield Objects(stack.enter_context(serve(engine, storage, **users.address, **settings)), users)


def test_release_3_fetches_and_uploads_within_its_requests(objects: Objects) -> None:
    url = objects.server.url
    client = pfconclient.Client(url, pfconclient.Client.get_auth_token(url + "auth-token/", USER, PASSWORD))
    client.initial_wait = 0.2
    assert client.get_server_info()["pfcon_innetwork"] is True
    jid = new_jid()
    where = {"input_dirs": ["home/chris/in/"], "output_dir": f"home/chris/feeds/{jid}/data"}
    answer = client.submit_job(jid, {**JOB_FIELDS, **where, "args": [COPY_ALL]})
    assert answer["data"]["nfiles"] == 2
    assert client.poll_job_status(jid) == DONE
    listed = client.get_job_json_data(jid, where["output_dir"])
    listed = json.loads(listed) if isinstance(listed, (bytes, str)) else listed
    assert (listed["job_output_path"], sorted(listed["rel_file_paths"])) == (where["output_dir"], sorted(OUTPUTS))
    assert objects.users.read(f"home/chris/feeds/{jid}/data/") == OUTPUTS
    client.delete_job(jid)
    assert not (objects.server.storebase / f"key-{jid}").exists()
    assert objects.users.read(f"home/chris/feeds/{jid}/data/") == OUTPUTS


def test_release_4_goes_from_copy_to_delete(objects: Objects) -> None:
    jid = new_jid()
    where = {"input_dirs": ["home/chris/in"], "output_dir": f"home/chris/feeds/{jid}/data"}
    with Client4(objects.server.url) as client:
        info = client("get_server_info")
        assert (info["storage_env"], info["requires_copy_job"], info["requires_upload_job"]) == (
            objects.users.storage,
            True,
            True,
        )
        client("submit_job", "copy", jid, {**where, **COPY_LIMITS})
        assert client("poll_job_status", "copy", jid) == DONE
        client("submit_job", "plugin", jid, {**JOB_FIELDS, **where, "args": [COPY_ALL]})
        assert client("poll_job_status", "plugin", jid) == DONE
        upload = {"job_output_path": where["output_dir"], **COPY_LIMITS}
        assert client("submit_job", "upload", jid, upload)["compute"]["jid"] == jid
        assert client("poll_job_status", "upload", jid) == DONE
        assert client("get_job_status", "plugin", jid)["compute"]["logs"] == "copied\n"
        listed = client("get_plugin_job_json_data", jid, where["output_dir"])
        assert sorted(listed["rel_file_paths"]) == sorted(OUTPUTS)
        assert objects.users.read(f"home/chris/feeds/{jid}/data/") == OUTPUTS
        client("submit_job", "delete", jid, {})
        assert client("poll_job_status", "delete", jid) == DONE
        assert not (objects.server.storebase / f"key-{jid}").exists()
        for kind in ("copy", "plugin", "upload", "delete"):
            client("delete_job", kind, jid)
            with pytest.raises(Client4Error) as caught:
                client("get_job_status", kind, jid)
            assert caught.value.code == 404
    assert objects.users.read(f"home/chris/feeds/{jid}/data/") == OUTPUTS


def test_cube_sends_what_it_sends_for_object_stores_and_finds_all_files(objects: Objects) -> None:
    cube = Cube(objects.server, objects.users)
    instance = Instance(COPY_ALL, ["home/chris/in/", "home/chris/in2/x"])
    compute, names = cube.run(instance)
    assert compute["status"] == DONE
    assert names == {*OUTPUTS, "x"}
    cube.clean_up(instance)
    assert cube.sent == [
        *("POST copyjobs", "GET copyjobs", "POST pluginjobs", "GET pluginjobs", "POST uploadjobs", "GET uploadjobs"),
        *("GET pluginjobs", "GET pluginjobs/file", "POST deletejobs", "GET deletejobs"),
        *("DELETE copyjobs", "DELETE pluginjobs", "DELETE uploadjobs", "DELETE deletejobs"),
    ]


def test_cube_registers_the_files_of_a_failed_job_without_links(objects: Objects) -> None:
    cube = Cube(objects.server, objects.users)
    script = 'echo 1 > "$1/f"; echo home/alice > "$1/forged.chrislink"; ln -s /etc "$1/etc"; exit 2'
    instance = Instance(script, feed="home/b+b c/feeds/feed_1")
    compute, names = cube.run(instance)
    assert (compute["status"], names) == ("finishedWithError", {"f"})
    assert cube.stored(instance) == {"f"}
    cube.clean_up(instance)
