"""Both interfaces on swift and s3, in-network, on the process engine: what is uploaded when, and what is refused."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.live import COPY_ALL, JOB_FIELDS, Api, LiveServer
from support.staged import StagedJob
from support.user_objects import OBJECT_STORES, UserObjects, url_of

DONE = "finishedSuccessfully"
INPUTS = {"home/bob/data/a.txt": b"alpha", "home/bob/data/sub/b c.txt": b"beta", "home/bob/database/x": b"a neighbour"}


on_swift = pytest.mark.parametrize("users", ["swift"], indirect=True)  # what the store has no part in


@pytest.fixture(scope="module", params=OBJECT_STORES)
def users(request: pytest.FixtureRequest) -> UserObjects:
    """Users' data."""
    users = UserObjects(request.param, url_of(request.param))
    users.add(INPUTS)
    return users


@pytest.fixture(scope="module")
def server(users: UserObjects) -> Iterator[LiveServer]:
    """A server for them."""
    with tempfile.TemporaryDirectory(prefix="pfcon-objects-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        with LiveServer(storebase, users.environ) as live:
            yield live


@pytest.fixture
def job(server: LiveServer) -> StagedJob:
    """A fresh jid."""
    return StagedJob(server)


@pytest.fixture
def ended(job: StagedJob) -> StagedJob:
    """A job that has copied its inputs to its outputs."""
    assert job.copied()["status"] == DONE
    assert job.plugin(COPY_ALL).status_code == 201
    assert job.wait("plugin")["status"] == DONE
    return job


def test_server_info_says_what_is_required_and_where_the_store_is(server: LiveServer, users: UserObjects) -> None:
    api = Api(server.url)
    address = {"swift": "swift_auth_url", "s3": "s3_endpoint_url"}[users.storage]
    for path in ("copyjobs/", "pluginjobs/", "uploadjobs/", "deletejobs/", "jobs/"):
        info = api.get(path).json()
        assert (info["pfcon_innetwork"], info["storage_env"], info[address]) == (True, users.storage, users.url)
    staged = api.get("uploadjobs/").json()
    assert (staged["requires_copy_job"], staged["requires_upload_job"]) == (True, True)


def test_a_job_goes_through_its_whole_life(job: StagedJob, users: UserObjects) -> None:
    copied = job.copied()
    assert copied["status"] == DONE, (copied["message"], copied["logs"])
    assert {str(path.relative_to(job.key)) for path in (job.key / "incoming").rglob("*.txt")} == {
        "incoming/a.txt",
        "incoming/sub/b c.txt",
    }
    posted = job.plugin(COPY_ALL)
    assert posted.status_code == 201, posted.text
    assert posted.json()["data"]["nfiles"] == 2
    assert job.wait("plugin")["status"] == DONE
    assert sorted(job.files().json()["rel_file_paths"]) == ["a.txt", "sub/b c.txt"]
    assert users.names(job.output_dir) == []  # a list uploads nothing

    uploaded = job.uploaded()
    assert uploaded["status"] == DONE, uploaded
    assert uploaded["message"] == "uploaded 2 files, 9 bytes"
    assert "uploaded 2 files" in uploaded["logs"]
    assert users.read(job.output_dir + "/") == {"a.txt": b"alpha", "sub/b c.txt": b"beta"}
    assert job.wait("plugin")["logs"] == "copied\n"
    assert job.files().json()["job_output_path"] == job.output_dir
    assert set(job.api.unzip(job.jid)) == {"a.txt", "sub/b c.txt"}

    assert job.delete().status_code == 201
    assert job.wait("delete")["status"] == DONE
    assert not job.key.exists()
    assert len(users.names(job.output_dir)) == 2
    for kind in ("copy", "plugin", "upload", "delete"):
        for _ in range(2):
            assert job.api.delete(f"{kind}jobs/{job.jid}/").status_code == 204
        assert job.get(kind).status_code == 404


@on_swift
def test_an_upload_needs_a_plugin_job(job: StagedJob) -> None:
    refused = job.upload()
    assert refused.status_code == 409
    assert "there is none with this jid" in refused.json()["message"]
    job.copied()
    assert job.upload().status_code == 409
    assert job.get("upload").status_code == 404


@on_swift
def test_an_upload_waits_for_no_plugin_job(job: StagedJob) -> None:
    job.copied()
    job.plugin('until test -e "$1/go"; do sleep 0.05; done')
    refused = job.upload()
    assert refused.status_code == 409
    assert "has not ended yet" in refused.json()["message"]
    (job.key / "outgoing/go").touch()
    assert job.wait("plugin")["status"] == DONE
    assert job.upload().status_code == 201
    assert job.wait("upload")["status"] == DONE


def test_outputs_of_a_job_that_failed_are_uploaded_too(job: StagedJob, users: UserObjects) -> None:
    job.copied()
    job.plugin('echo partial > "$1/log"; exit 3')
    assert job.wait("plugin")["status"] == "finishedWithError"
    assert job.uploaded()["status"] == DONE
    assert users.read(job.output_dir + "/") == {"log": b"partial\n"}


@on_swift
def test_an_upload_after_the_data_are_gone_is_refused(ended: StagedJob) -> None:
    ended.delete()
    ended.wait("delete")
    refused = ended.upload()
    assert refused.status_code == 409
    assert "deleted" in refused.json()["message"]


@on_swift
@pytest.mark.parametrize("path", ["../x", "home/../../x", "/", "", "a//b", "./x", "home/x\0"])
def test_an_output_path_that_leads_out_is_refused(ended: StagedJob, users: UserObjects, path: str) -> None:
    before = users.names()
    answer = ended.post("upload", job_output_path=path)
    assert answer.status_code == 400
    assert "job_output_path" in str(answer.json()["message"])
    assert users.names() == before


@on_swift
def test_an_upload_needs_a_path_and_limits_that_are_numbers(ended: StagedJob) -> None:
    answer = ended.post("upload", cpu_limit="much", memory_limit="0")
    assert answer.status_code == 400
    assert set(answer.json()["message"]) == {"job_output_path", "cpu_limit", "memory_limit"}


@on_swift
def test_repeated_and_simultaneous_posts_are_one_upload(ended: StagedJob) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ended.upload(), range(8)))
    assert [answer.status_code for answer in answers] == [201] * 8, [answer.text for answer in answers]
    assert ended.wait("upload")["message"] == "uploaded 2 files, 9 bytes"
    again = ended.upload().json()["compute"]
    assert (again["status"], again["message"]) == (DONE, "uploaded 2 files, 9 bytes")


@on_swift
def test_another_place_for_the_same_outputs_is_a_conflict(ended: StagedJob) -> None:
    assert ended.uploaded()["status"] == DONE
    other = ended.post("upload", job_output_path="home/bob/elsewhere")
    assert other.status_code == 409
    assert "another upload job" in other.json()["message"]


@on_swift
def test_an_upload_for_an_earlier_plugin_job_does_not_count_for_the_next(job: StagedJob, users: UserObjects) -> None:
    job.copied()
    job.plugin('echo 1 > "$1/old"; exit 1')
    assert job.wait("plugin")["status"] == "finishedWithError"
    assert job.uploaded()["status"] == DONE
    assert job.plugin('echo 2 > "$1/new"').status_code == 201
    assert job.wait("plugin")["status"] == DONE
    assert job.files().json()["rel_file_paths"] == ["new"]
    assert job.uploaded()["message"] == "uploaded 1 files, 2 bytes"
    assert users.read(job.output_dir + "/")["new"] == b"2\n"


@on_swift
def test_a_delete_job_takes_what_an_upload_left(ended: StagedJob) -> None:
    assert ended.uploaded()["status"] == DONE
    assert {path.name for path in ended.key.iterdir()} >= {"upload.order", "upload.lock", "upload.progress"}
    ended.delete()
    assert ended.wait("delete")["status"] == DONE
    assert not ended.key.exists()


@on_swift
def test_a_missing_input_is_told_and_a_wrong_link_refused(job: StagedJob, users: UserObjects) -> None:
    assert job.copied("home/bob/none", "home/bob/data/a.txt")["status"] == DONE
    job.plugin('ls "$0"', "home/bob/none", "home/bob/data/a.txt")
    assert "'home/bob/none' does not exist" in job.wait("plugin")["message"]
    users.add({f"home/{job.jid}/evil.chrislink": b"../../etc"})
    failing, link = StagedJob(job.server), f"home/{job.jid}/evil.chrislink"
    failed = failing.copied(f"home/{job.jid}")
    assert (failed["status"], failed["message"]) == (
        "finishedWithError",
        f"Invalid input path: ../../etc: the link file {link!r} leads out of the storage",
    )


def sync(job: StagedJob, *input_dirs: str) -> dict[str, object]:
    """The fields of the synchronous interface."""
    fields = {**JOB_FIELDS, "args": [COPY_ALL], "input_dirs": list(input_dirs), "output_dir": job.output_dir}
    return {"jid": job.jid, **fields}


def test_the_synchronous_interface_fetches_and_uploads_within_its_requests(job: StagedJob, users: UserObjects) -> None:
    answer = job.api.post("jobs/", sync(job, "home/bob/data/"))
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["nfiles"] == 2
    assert job.api.wait(job.jid)["status"] == DONE
    assert set(job.api.unzip(job.jid)) == {"a.txt", "sub/b c.txt"}
    assert users.names(job.output_dir) == []
    for _ in range(2):
        listed = job.api.get(f"jobs/{job.jid}/file/?job_output_path={job.output_dir}").json()
        assert listed["job_output_path"] == job.output_dir
        assert sorted(listed["rel_file_paths"]) == ["a.txt", "sub/b c.txt"]
        assert users.read(job.output_dir + "/") == {"a.txt": b"alpha", "sub/b c.txt": b"beta"}
    assert job.api.delete(f"jobs/{job.jid}/").status_code == 204
    assert not job.key.exists()
    assert len(users.names(job.output_dir)) == 2


def test_the_synchronous_interface_tells_what_could_not_be_fetched(job: StagedJob, users: UserObjects) -> None:
    users.add({f"home/{job.jid}/evil.chrislink": b"/etc"})
    answer = job.api.post("jobs/", sync(job, f"home/{job.jid}"))
    assert answer.status_code == 400
    prefix = f"input_dirs: Error fetching files from {users.storage}"
    link = f"the link file 'home/{job.jid}/evil.chrislink' leads out of the storage"
    assert answer.json()["message"] == f"{prefix}: Invalid input path: /etc: {link}"
    assert not job.key.exists()


@on_swift
@pytest.mark.parametrize("path", ["../x", "/", "key-x/y"])
def test_the_synchronous_interface_refuses_paths_that_lead_out(ended: StagedJob, path: str) -> None:
    answer = ended.api.get(f"jobs/{ended.jid}/file/?job_output_path={path}")
    assert answer.status_code == 400
    assert "job_output_path" in answer.json()["message"]


@on_swift
def test_the_synchronous_interface_uploads_nothing_of_a_job_that_runs_or_is_unknown(job: StagedJob) -> None:
    assert job.api.get(f"jobs/{job.jid}/file/?job_output_path=home/x").status_code == 404
    job.copied()
    job.plugin("sleep 60")
    answer = job.api.get(f"jobs/{job.jid}/file/?job_output_path=home/x")
    assert answer.status_code == 409
    assert "has not ended yet" in answer.json()["message"]
    assert job.api.delete(f"pluginjobs/{job.jid}/").status_code == 204


def test_a_plus_in_a_path_is_a_plus(job: StagedJob, users: UserObjects) -> None:
    job.output_dir = f"home/b+b c/{job.jid}/data"
    copied = job.copied()
    assert copied["status"] == DONE, (copied["message"], copied["logs"])
    job.plugin(COPY_ALL)
    job.wait("plugin")
    listed = job.api.get(f"jobs/{job.jid}/file/?job_output_path={job.output_dir}").json()
    assert listed["job_output_path"] == job.output_dir
    assert len(users.names(job.output_dir)) == 2
