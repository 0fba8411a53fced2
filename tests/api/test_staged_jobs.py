"""The staged interface on fslink, in-network: copy, plugin, upload and delete jobs, on the process engine."""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.live import COPY_ALL, JOB_FIELDS, Api, LiveServer
from support.staged import INNETWORK, StagedJob

from pfcon.models import JobSpec
from pfcon.testing.waiting import eventually


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """An fslink server; storeBase is the users' storage too."""
    with tempfile.TemporaryDirectory(prefix="pfcon-staged-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        (storebase / "home/bob/data/sub").mkdir(parents=True)
        (storebase / "home/bob/data/a.txt").write_text("alpha")
        (storebase / "home/bob/data/sub/b.txt").write_text("beta")
        with LiveServer(storebase, INNETWORK) as live:
            yield live


@pytest.fixture(scope="module")
def api(server: LiveServer) -> Api:
    """A logged-in client."""
    return Api(server.url)


@pytest.fixture
def job(server: LiveServer) -> StagedJob:
    """A fresh jid."""
    return StagedJob(server)


def test_server_info_says_what_is_required(api: Api) -> None:
    for kind in ("copy", "plugin", "upload", "delete"):
        info = api.get(f"{kind}jobs/").json()
        assert (info["pfcon_innetwork"], info["storage_env"]) == (True, "fslink")
        assert (info["requires_copy_job"], info["requires_upload_job"]) == (True, False)


def test_a_job_goes_through_its_whole_life(job: StagedJob) -> None:
    copied = job.copied()
    assert copied["status"] == "finishedSuccessfully", copied
    assert copied["message"] == "copied 2 files, 9 bytes"
    assert (job.key / "incoming/sub/b.txt").read_text() == "beta"

    posted = job.plugin(COPY_ALL)
    assert posted.status_code == 201, posted.text
    assert posted.json()["data"]["nfiles"] == 2
    assert job.wait("plugin")["status"] == "finishedSuccessfully"

    uploaded = job.post("upload", job_output_path=job.output_dir).json()["compute"]
    assert (uploaded["status"], uploaded["message"], uploaded["image"]) == ("finishedSuccessfully", "uploadSkipped", "")
    listed = job.files().json()
    assert listed["job_output_path"] == job.output_dir
    assert sorted(listed["rel_file_paths"]) == ["a.txt", "sub/b.txt"]

    assert job.delete().status_code == 201
    assert job.wait("delete")["status"] == "finishedSuccessfully"
    assert not job.key.exists()
    assert (job.live.storebase / job.output_dir / "a.txt").read_text() == "alpha"
    assert job.wait("plugin")["logs"] == "copied\n"
    for kind in ("copy", "plugin", "upload", "delete"):
        for _ in range(2):
            assert job.api.delete(f"{kind}jobs/{job.jid}/").status_code == 204
        assert job.get(kind).status_code == 404


def test_a_plugin_job_needs_a_copy_job_that_ended_well(job: StagedJob) -> None:
    refused = job.plugin(COPY_ALL)
    assert refused.status_code == 409
    assert "copy job" in refused.json()["message"]
    (job.live.storebase / job.output_dir).mkdir(parents=True)
    (job.live.storebase / job.output_dir / "x.chrislink").write_text(job.output_dir)
    assert job.copied(job.output_dir)["status"] == "finishedWithError"
    again = job.plugin(COPY_ALL, job.output_dir)
    assert again.status_code == 409
    assert "Invalid input path" in again.json()["message"]
    assert job.get("plugin").status_code == 404


def test_a_failed_copy_job_tells_why_and_may_be_posted_again(job: StagedJob) -> None:
    users = job.live.storebase / f"home/bob/{job.jid}"
    users.mkdir()
    (users / "evil.chrislink").write_text("../../etc")
    failed = job.copied(f"home/bob/{job.jid}")
    assert failed["status"] == "finishedWithError"
    assert failed["message"] == (
        f"Invalid input path: ../../etc: the link file 'home/bob/{job.jid}/evil.chrislink' leads out of the storage"
    )
    assert failed["reason"] == "LinkRefused"
    assert "Invalid input path: ../../etc" in failed["logs"]
    (users / "evil.chrislink").unlink()
    (users / "good").write_text("g")
    assert job.copied(f"home/bob/{job.jid}")["status"] == "finishedSuccessfully"
    assert (job.key / "incoming/good").read_text() == "g"


@pytest.mark.parametrize("path", ["../x", "home/../../x", "/", "key-other/incoming", ".pfcon/records"])
def test_an_input_path_that_is_not_the_users_is_refused(job: StagedJob, path: str) -> None:
    assert job.copy(path).status_code == 400
    assert job.get("copy").status_code == 404
    assert not job.key.exists()


def test_a_missing_input_is_told_in_message_and_log(job: StagedJob) -> None:
    assert job.copied("home/bob/none", "home/bob/data/a.txt")["status"] == "finishedSuccessfully"
    job.plugin('ls "$0"', "home/bob/none", "home/bob/data/a.txt")
    ended = job.wait("plugin")
    assert "'home/bob/none' does not exist" in ended["message"]
    assert ended["logs"] == "pfcon: input 'home/bob/none' does not exist\na.txt\n"


def test_a_job_without_inputs_gets_an_empty_directory(job: StagedJob) -> None:
    assert job.post("copy", output_dir=job.output_dir).status_code == 201
    assert job.wait("copy")["status"] == "finishedSuccessfully"
    fields = {**JOB_FIELDS, "args": ['ls -A /share; echo ok > "$0/f"'], "output_dir": job.output_dir, "type": "fs"}
    assert job.post("plugin", **fields).status_code == 201
    assert job.wait("plugin")["status"] == "finishedSuccessfully"
    assert job.files().json()["rel_file_paths"] == ["f"]


@pytest.mark.parametrize("kind", ["copy", "plugin", "delete"])
def test_simultaneous_identical_posts_all_succeed_with_one_job(job: StagedJob, kind: str) -> None:
    if kind == "plugin":
        job.copied()
    if kind == "delete":
        job.copied()
    post = {"copy": job.copy, "plugin": lambda: job.plugin('mktemp -p "$1" ran.XXXXXX'), "delete": job.delete}[kind]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(), range(8)))
    assert [answer.status_code for answer in answers] == [201] * 8, [answer.text for answer in answers]
    assert job.wait(kind)["status"] == "finishedSuccessfully"
    if kind == "plugin":
        assert len(job.files().json()["rel_file_paths"]) == 1


def test_a_delete_job_with_nothing_to_delete_ends(job: StagedJob) -> None:
    for _ in range(2):
        compute = job.delete().json()["compute"]
        assert (compute["status"], compute["message"]) == ("finishedSuccessfully", "deleteSkipped")
    assert job.wait("delete")["message"] == "deleteSkipped"


def test_a_delete_job_cancels_what_runs(job: StagedJob) -> None:
    job.copied()
    job.plugin('while :; do date >> "$1/beat"; sleep 0.05; done')
    assert job.get("plugin").json()["compute"]["status"] == "started"
    beat = job.live.storebase / job.output_dir / "beat"
    assert eventually(beat.exists)
    posted = job.delete().json()["compute"]
    assert posted["status"] == "notStarted"
    assert job.wait("delete")["status"] == "finishedSuccessfully"
    ended = job.wait("plugin")
    assert ended["status"] == "finishedWithError"
    assert "cancel" in ended["message"]
    assert not job.key.exists()
    before = beat.stat().st_size
    time.sleep(0.3)
    assert beat.stat().st_size == before


def test_links_that_a_job_wrote_are_gone_and_those_that_cube_writes_later_stay(job: StagedJob) -> None:
    job.copied()
    job.plugin('echo home > "$1/mine.chrislink"; echo x > "$1/f"; ln -s /etc "$1/etc"')
    job.wait("plugin")
    output = job.live.storebase / job.output_dir
    assert job.files().json()["rel_file_paths"] == ["f"]
    assert not (output / "mine.chrislink").exists()
    (output / "cubes.chrislink").write_text("home/bob")
    assert job.files().json()["rel_file_paths"] == ["f"]
    assert (output / "cubes.chrislink").exists()


@pytest.mark.parametrize("path", ["home/bob/data", "home", "../x", "/etc", "key-x", ".pfcon"])
def test_outputs_are_listed_below_the_job_s_own_directory_alone(job: StagedJob, path: str) -> None:
    job.copied()
    job.plugin(COPY_ALL)
    job.wait("plugin")
    answer = job.api.get(f"pluginjobs/{job.jid}/file/?job_output_path={path}")
    assert answer.status_code == 400
    assert "job_output_path" in answer.json()["message"]


def test_outputs_need_a_path(job: StagedJob) -> None:
    job.copied()
    job.plugin(COPY_ALL)
    answer = job.api.get(f"pluginjobs/{job.jid}/file/")
    assert (answer.status_code, "job_output_path" in answer.text) == (400, True)


def test_a_plus_in_a_path_is_a_plus(job: StagedJob) -> None:
    job.output_dir = f"home/b+b c/{job.jid}/data"
    job.copied()
    job.plugin(COPY_ALL)
    job.wait("plugin")
    listed = job.files().json()
    assert listed["job_output_path"] == job.output_dir
    assert len(listed["rel_file_paths"]) == 2


def test_the_synchronous_interface_serves_fslink_too(job: StagedJob) -> None:
    fields = {**JOB_FIELDS, "args": [COPY_ALL], "input_dirs": ["home/bob/data/"], "output_dir": job.output_dir}
    answer = job.api.post("jobs/", {"jid": job.jid, **fields})
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["nfiles"] == 2
    assert job.api.wait(job.jid)["status"] == "finishedSuccessfully"
    listed = job.api.get(f"jobs/{job.jid}/file/?job_output_path={job.output_dir}").json()
    assert sorted(listed["rel_file_paths"]) == ["a.txt", "sub/b.txt"]
    assert job.api.delete(f"jobs/{job.jid}/").status_code == 204
    assert not job.key.exists()
    assert (job.live.storebase / job.output_dir / "a.txt").exists()


def test_the_synchronous_interface_wants_inputs_and_outputs(job: StagedJob) -> None:
    answer = job.api.post("jobs/", {"jid": job.jid, **JOB_FIELDS})
    assert answer.status_code == 400
    assert answer.json()["message"] == {"input_dirs": "field is required", "output_dir": "field is required"}


def test_deleting_a_plugin_job_stops_it_and_keeps_the_data(job: StagedJob) -> None:
    job.copied()
    job.plugin("sleep 60")
    assert job.api.delete(f"pluginjobs/{job.jid}/").status_code == 204
    assert job.get("plugin").status_code == 404
    assert (job.key / "incoming/a.txt").exists()
    assert job.plugin(COPY_ALL).status_code == 201
    assert job.wait("plugin")["status"] == "finishedSuccessfully"


def test_a_list_of_many_outputs_names_each_once(job: StagedJob) -> None:
    job.copied()
    job.plugin('i=0; while [ $i -lt 9000 ]; do : > "$1/f$i é"; i=$((i+1)); done')
    job.wait("plugin")
    listed = job.files().json()
    assert sorted(listed["rel_file_paths"]) == sorted(f"f{number} é" for number in range(9000))


def test_a_list_of_no_outputs_is_empty(job: StagedJob) -> None:
    job.copied()
    job.plugin("true")
    job.wait("plugin")
    assert job.files().json() == {"job_output_path": job.output_dir, "rel_file_paths": []}


def test_a_plugin_job_has_the_time_limit_of_its_request(job: StagedJob) -> None:
    job.copied()
    refused = job.plugin(COPY_ALL, time_limit="soon")
    assert refused.status_code == 400
    assert refused.json()["message"] == {"time_limit": "must be an integer from 1 to 1000000 minutes, got 'soon'"}
    posted = job.plugin(COPY_ALL, time_limit=5)
    assert posted.status_code == 201, posted.text
    specs = {name: job.key.parent / ".pfcon/process" / name / "spec.json" for name in (job.jid, f"{job.jid}-copy")}
    limits = {name: JobSpec.from_json(path.read_text()).resources.time_limit for name, path in specs.items()}
    assert limits == {job.jid: 5, f"{job.jid}-copy": None}
    assert job.plugin(COPY_ALL, time_limit=6).status_code == 409
    assert job.wait("plugin")["status"] == "finishedSuccessfully"
