"""What today's CUBE does to a pfcon, beyond the straight way: repeats, several workers, cancellations, clean-ups."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import requests
from support.cube import COPY_LIMITS, Cube, Fields, Instance
from support.live import COPY_ALL, JOB_FIELDS, LiveServer, make_zip, new_jid

from pfcon.testing.waiting import PATIENCE, eventually

KINDS = ("copy", "plugin", "upload", "delete")
DONE = "finishedSuccessfully"
WORKERS = 6
BEAT = 'while :; do echo beat >>"$1/beats"; sleep 0.1; done'
on_process = pytest.mark.parametrize("fslink", ["process"], indirect=True)


def upload(server: LiveServer, **files: str) -> str:
    """Files of a user in storage; their directory, relative to storage."""
    name = f"home/chris/uploads/{new_jid()}"
    for file, content in {"a.txt": "alpha", **files}.items():
        path = server.storebase / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return name


def beats(path: Path) -> int:
    """How often a job with the script BEAT has written so far."""
    return path.stat().st_size if path.exists() else 0


def assert_at_rest(path: Path) -> None:
    """No job writes there any more."""
    before = beats(path)
    time.sleep(0.6)
    assert beats(path) == before


def assert_forgotten(cube: Cube, jid: str) -> None:
    """No job of any kind, and no data."""
    for kind in KINDS:
        assert cube.get(f"{kind}jobs/{jid}/").status_code == 404
        assert cube.delete(kind, jid).status_code == 204
    assert not (cube.server.storebase / f"key-{jid}").exists()


def test_an_instance_lives_out_of_network(live: LiveServer) -> None:
    cube = Cube(live)
    instance = Instance(COPY_ALL, zip_file=make_zip({"a.txt": "alpha", "sub/b.txt": "beta"}))
    compute, names = cube.run(instance)
    assert (compute["status"], compute["logs"], compute["jid"]) == (DONE, "copied\n", instance.jid)
    assert names == {"a.txt", "sub/b.txt"}
    cube.clean_up(instance)
    assert cube.sent == [
        *("POST pluginjobs", "GET pluginjobs", "GET pluginjobs/file", "POST deletejobs", "GET deletejobs"),
        *("DELETE pluginjobs", "DELETE deletejobs"),
    ]
    assert_forgotten(cube, instance.jid)


def test_an_instance_lives_with_fslink(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    instance = Instance(COPY_ALL, [upload(fslink, **{"sub/b.txt": "beta"})])
    compute, names = cube.run(instance)
    assert (compute["status"], compute["logs"]) == (DONE, "copied\n")
    assert names == {"a.txt", "sub/b.txt"}
    cube.clean_up(instance)
    assert cube.sent == [
        *("POST copyjobs", "GET copyjobs", "POST pluginjobs", "GET pluginjobs", "GET pluginjobs/file"),
        *("POST deletejobs", "GET deletejobs", "DELETE copyjobs", "DELETE pluginjobs", "DELETE deletejobs"),
    ]
    assert_forgotten(cube, instance.jid)
    assert (fslink.storebase / instance.output_dir / "sub/b.txt").read_text() == "beta"


def test_an_instance_lives_with_filesystem_where_there_is_nothing_to_delete(filesystem: LiveServer) -> None:
    cube = Cube(filesystem)
    instance = Instance(COPY_ALL, [upload(filesystem)])
    compute, names = cube.run(instance)
    assert (compute["status"], names) == (DONE, {"a.txt"})
    cube.clean_up(instance)
    assert cube.sent == [
        *("POST pluginjobs", "GET pluginjobs", "GET pluginjobs/file", "POST deletejobs", "GET deletejobs"),
        *("DELETE pluginjobs", "DELETE deletejobs"),
    ]
    assert_forgotten(cube, instance.jid)
    assert (filesystem.storebase / instance.output_dir / "a.txt").read_text() == "alpha"


def test_a_plugin_that_fails_keeps_its_outputs_and_its_log(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    instance = Instance('echo half >"$1/half.txt"; echo why >&2; exit 3', [upload(fslink)])
    compute, names = cube.run(instance)
    logs = f"why\npfcon: {compute['message']}\n"
    assert (compute["status"], compute["logs"], names) == ("finishedWithError", logs, {"half.txt"})
    assert "exit code 3" in compute["message"]
    cube.clean_up(instance)


def test_a_plugin_that_makes_data_from_nothing_has_no_inputs_to_copy(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    instance = Instance('echo new >"$1/new.txt"')
    compute, names = cube.run(instance)
    assert (compute["status"], names) == (DONE, {"new.txt"}), compute
    cube.clean_up(instance)


def test_what_is_known_of_a_plugin_stays_until_it_is_deleted(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    instance = Instance(COPY_ALL, [upload(fslink)])
    compute, names = cube.run(instance)
    cube.submit("delete", {"jid": instance.jid})
    cube.poll("delete", instance.jid)
    assert cube.status("plugin", instance.jid) == compute
    assert cube.status("copy", instance.jid)["status"] == DONE
    assert cube.register(instance) == names
    cube.clean_up(instance)


def at_once(cube: Cube, kind: str, fields: Fields) -> list[requests.Response]:
    """The same POST by several workers in the same moment."""
    barrier = Barrier(WORKERS)

    def post(_: int) -> requests.Response:
        barrier.wait()
        return cube.post(kind, fields)

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(post, range(WORKERS)))


def test_simultaneous_posts_all_succeed_with_one_job(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    instance = Instance('mktemp "$1/ran.XXXXXX"', [upload(fslink)])
    output = cube.make_output_dir(instance)
    where = {"input_dirs": list(instance.input_dirs), "output_dir": instance.output_dir}
    posts: dict[str, Fields] = {
        "copy": {**COPY_LIMITS, **where, "jid": instance.jid},
        "plugin": instance.fields(),
        "upload": {**COPY_LIMITS, "job_output_path": instance.output_dir, "jid": instance.jid},
        "delete": {"jid": instance.jid},
    }
    for kind, fields in posts.items():
        answers = at_once(cube, kind, fields)
        assert [answer.status_code for answer in answers] == [201] * WORKERS, [answer.text for answer in answers]
        if kind != "upload":
            assert cube.poll(kind, instance.jid)["status"] == DONE
        assert cube.submit(kind, fields)["status"] == DONE  # and once more when it has ended
    assert len(list(output.iterdir())) == 1
    for kind in KINDS:
        assert cube.delete(kind, instance.jid).status_code == 204


def test_cancelling_a_running_instance_stops_its_job(innetwork: LiveServer) -> None:
    cube = Cube(innetwork)
    instance = Instance(BEAT, [upload(cube.server)])
    cube.start(instance)
    path = cube.server.storebase / instance.output_dir / "beats"
    assert eventually(lambda: beats(path) > 0)
    assert cube.submit("delete", {"jid": instance.jid})["status"] == "notStarted"
    assert cube.poll("delete", instance.jid)["status"] == DONE
    assert_at_rest(path)
    assert cube.status("plugin", instance.jid)["status"] == "finishedWithError"
    cube.clean_up(instance)
    assert_forgotten(cube, instance.jid)


def test_cancelling_a_running_instance_out_of_network_stops_its_job(live: LiveServer) -> None:
    cube = Cube(live)
    instance = Instance(BEAT, zip_file=make_zip({"a.txt": "alpha"}))
    cube.start(instance)
    assert eventually(lambda: beats(live.storebase / f"key-{instance.jid}/outgoing/beats") > 0)
    cube.clean_up(instance)
    assert_forgotten(cube, instance.jid)
    time.sleep(0.5)
    assert not (live.storebase / f"key-{instance.jid}").exists()


def test_delete_jobs_leave_running_jobs_alone_where_the_administrator_wants_that(refusing: LiveServer) -> None:
    cube = Cube(refusing)
    instance = Instance(BEAT, [upload(refusing)])
    cube.start(instance)
    path = refusing.storebase / instance.output_dir / "beats"
    assert eventually(lambda: beats(path) > 0)
    answer = cube.post("delete", {"jid": instance.jid})
    assert answer.status_code == 409
    assert "plugin" in answer.json()["message"]
    before = beats(path)
    assert eventually(lambda: beats(path) > before)
    assert cube.delete("plugin", instance.jid).status_code == 204
    cube.clean_up(instance)


@on_process
def test_a_delete_job_with_nothing_to_delete_ends(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    jid = new_jid()
    posted = cube.submit("delete", {"jid": jid})
    assert (posted["status"], posted["message"], posted["jid"]) == (DONE, "deleteSkipped", jid)
    assert cube.status("delete", jid) == posted
    again = cube.submit("delete", {"jid": jid})
    assert (again["status"], again["message"]) == (DONE, "deleteSkipped")
    assert cube.delete("delete", jid).status_code == 204
    assert_forgotten(cube, jid)


@on_process
def test_a_plugin_before_its_copy_is_refused_with_the_reason(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    instance = Instance(COPY_ALL, [upload(fslink)])
    cube.make_output_dir(instance)
    answer = cube.post("plugin", instance.fields())
    assert answer.status_code == 409
    assert "copy" in answer.json()["message"]
    cube.copy(instance)
    assert cube.post("plugin", instance.fields()).status_code == 201
    cube.poll("plugin", instance.jid)
    cube.clean_up(instance)


@on_process
def test_a_copy_that_failed_may_be_posted_again(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    instance = Instance(COPY_ALL, [upload(fslink, **{"feed.chrislink": "home/chris/feeds/feed_1"})])
    cube.make_output_dir(instance)
    where = {"input_dirs": list(instance.input_dirs), "output_dir": instance.output_dir, "jid": instance.jid}
    cube.submit("copy", where)
    compute = cube.poll("copy", instance.jid)
    assert compute["status"] == "finishedWithError"
    assert "Invalid input path: home/chris/feeds/feed_1" in compute["message"]
    assert cube.post("plugin", instance.fields()).status_code == 409
    (fslink.storebase / instance.input_dirs[0] / "feed.chrislink").unlink()
    cube.submit("copy", where)
    assert cube.poll("copy", instance.jid)["status"] == DONE
    assert cube.run(instance)[1] == {"a.txt"}
    cube.clean_up(instance)


@on_process
def test_deleting_what_is_unknown_is_no_fault(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    for kind in KINDS:
        assert cube.delete(kind, new_jid()).status_code == 204
        answer = cube.get(f"{kind}jobs/{new_jid()}/")
        assert answer.status_code == 404
        assert isinstance(answer.json()["message"], str)


@on_process
@pytest.mark.parametrize("kind", KINDS)
def test_the_token_of_a_fresh_cube_is_refused_everywhere(fslink: LiveServer, kind: str) -> None:
    headers = {"Authorization": "Bearer initial_token"}
    for method, path in (("GET", ""), ("POST", ""), ("GET", "any/"), ("DELETE", "any/")):
        answer = requests.request(
            method, f"{fslink.url}{kind}jobs/{path}", headers=headers, data=JOB_FIELDS, timeout=PATIENCE
        )
        assert answer.status_code == 401, (method, path)
        assert answer.json() == {"message": "Invalid authorization token."}


@on_process
@pytest.mark.parametrize("kind", KINDS)
def test_each_resource_tells_what_a_client_has_to_post(fslink: LiveServer, kind: str) -> None:
    info = Cube(fslink).get(f"{kind}jobs/").json()
    assert (info["pfcon_innetwork"], info["storage_env"]) == (True, "fslink")
    assert (info["requires_copy_job"], info["requires_upload_job"]) == (True, False)
    assert {"server_version", "container_env", "compute_volume_type"} <= set(info)
