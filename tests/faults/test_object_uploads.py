"""Uploads to a real store that are killed, cut off and kept waiting: everything arrives, and little twice."""

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.http_relay import HttpRelay, Request
from support.live import StartServer
from support.object_stores import object_server
from support.staged import StagedJob
from support.user_objects import OBJECT_STORES, UserObjects, url_of

from pfcon.storage.objects.upload.parts import LARGE, PART_SIZE
from pfcon.testing.waiting import eventually

DONE = "finishedSuccessfully"
FILES = 150


on_swift = pytest.mark.parametrize("storage", ["swift"], indirect=True)  # what the store has no part in


@pytest.fixture(params=OBJECT_STORES)
def storage(request: pytest.FixtureRequest) -> str:
    """Each of them."""
    name: str = request.param
    return name


@pytest.fixture
def relay(storage: str) -> Iterator[HttpRelay]:
    """In front of the tests' store."""
    with HttpRelay(urlsplit(url_of(storage)).port or 80) as relay:
        yield relay


@pytest.fixture
def users(storage: str, relay: HttpRelay) -> UserObjects:
    """Users' data as pfcon reaches them: through the relay."""
    return UserObjects(storage, through(url_of(storage), relay))


@pytest.fixture
def job(users: UserObjects, start_server: StartServer) -> StagedJob:
    """A plugin job that has ended; what it has put out is up to the test."""
    return ended_job(users, start_server)


def through(url: str, relay: HttpRelay) -> str:
    """The same address behind the relay."""
    return urlsplit(url)._replace(netloc=f"127.0.0.1:{relay.port}").geturl()


def ended_job(users: UserObjects, start_server: StartServer, script: str = "true") -> StagedJob:
    """A plugin job without outputs, which has ended."""
    users.add({"home/bob/data/a": b"a"})
    job = StagedJob(start_server("process", **users.environ))
    assert job.copied()["status"] == DONE
    job.plugin(script)
    job.wait("plugin")
    return job


def write_files(job: StagedJob) -> dict[str, bytes]:
    """Many outputs; gives them back."""
    files = {f"d{number % 7}/f{number}": b"%d\n" % number * 100 for number in range(FILES)}
    for name, data in files.items():
        path = job.key / "outgoing" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return files


class Gate:
    """Lets so many of the PUTs of a job's outputs pass, and answers the others with 503 until it is opened."""

    def __init__(self, relay: HttpRelay, containing: str, most: int) -> None:
        self._relay, self._containing, self._most = relay, containing, most
        self._earlier: frozenset[threading.Thread] = frozenset()
        self._lock = threading.Lock()
        self.passed = self.stopped = 0
        relay.on_request = self.check

    def check(self, request: Request) -> bool:
        """What the relay asks."""
        if request.method != "PUT" or self._containing not in request.path:
            return True
        with self._lock:
            passes = self.passed < self._most and threading.current_thread() not in self._earlier
            self.passed += passes
            self.stopped += not passes
        return passes

    def open(self) -> None:
        """Let all of later connections pass, and count them; what a killed client has sent before never does."""
        earlier = self._relay.earlier_threads()
        with self._lock:
            self._most, self.passed, self._earlier = 1_000_000, 0, earlier


def test_a_killed_upload_goes_on_where_it_was(job: StagedJob, users: UserObjects, relay: HttpRelay) -> None:
    files = write_files(job)
    gate = Gate(relay, job.output_dir, FILES // 2)
    assert job.upload().status_code == 201
    assert eventually(lambda: len(users.names(job.output_dir)) == FILES // 2 and gate.stopped > 0)
    assert eventually(lambda: f"{FILES // 2} files" in job.get("upload").json()["compute"]["message"])
    assert job.kill_operation()
    gate.open()
    assert f"; {FILES // 2} of them already existed" in job.wait("upload")["message"]
    assert gate.passed == FILES - FILES // 2
    assert users.read(job.output_dir + "/") == files


@pytest.mark.slow
def test_a_killed_upload_of_a_large_file_goes_on_with_its_parts(
    job: StagedJob, users: UserObjects, relay: HttpRelay
) -> None:
    large = job.key / "outgoing/large"
    with large.open("wb") as file:
        for number in range(LARGE // (1 << 20) + 1):
            file.write(bytes([number % 251]) * (1 << 20))
    parts = -(-large.stat().st_size // PART_SIZE)
    gate = Gate(relay, "large", 2)
    assert job.upload().status_code == 201
    name = f"{job.output_dir}/large"
    store = users.harness.store
    assert eventually(
        lambda: gate.stopped > 0 and len(store.large_upload(name, PART_SIZE, parts).uploaded_parts()) == 2
    )
    assert users.names(job.output_dir) == []
    assert job.kill_operation()
    gate.open()
    assert job.wait("upload")["status"] == DONE
    manifest = users.storage == "swift"  # another PUT
    assert gate.passed == parts - 2 + manifest
    # On a connection of its own: Swift closes one that was idle for a minute.
    assert users.harness.store.describe(name).size == large.stat().st_size
    gate.open()
    assert job.api.delete(f"uploadjobs/{job.jid}/").status_code == 204
    assert job.uploaded()["message"].endswith("; 1 of them already existed")
    assert gate.passed == 0


@on_swift
def test_an_upload_waits_out_a_store_that_is_busy(job: StagedJob, users: UserObjects, relay: HttpRelay) -> None:
    files = write_files(job)
    relay.busy(3, retry_after=1)
    assert job.uploaded()["status"] == DONE
    assert users.read(job.output_dir + "/") == files


def test_an_upload_goes_on_when_the_store_is_back(storage: str, start_server: StartServer, tmp_path: Path) -> None:
    with object_server(tmp_path) as server:
        url = server.auth_url if storage == "swift" else server.s3_url
        with HttpRelay(urlsplit(url).port or 80) as relay:
            users = UserObjects(storage, through(url, relay))
            job = ended_job(users, start_server)
            files = write_files(job)
            relay.delay = 0.2  # seconds: many are left when the store goes
            relay.clear()
            assert job.upload().status_code == 201
            assert eventually(lambda: relay.count("PUT", job.output_dir) > FILES // 4)
            server.kill()
            broken = relay.count()
            assert eventually(lambda: relay.count() > broken + 20)
            assert job.get("upload").json()["compute"]["status"] == "started"
            server.start()
            relay.delay = 0
            assert job.wait("upload")["status"] == DONE
            assert users.read(job.output_dir + "/") == files


@on_swift
def test_a_delete_job_stops_an_upload(job: StagedJob, relay: HttpRelay) -> None:
    write_files(job)
    gate = Gate(relay, job.output_dir, 3)
    assert job.upload().status_code == 201
    assert eventually(lambda: gate.stopped > 0)
    assert job.plugin("true").status_code == 201  # the same request: the job that has ended
    assert job.delete().status_code == 201
    assert job.wait("delete")["status"] == DONE
    assert "cancel" in job.wait("upload")["message"]
    assert not job.key.exists()


@on_swift
def test_an_upload_outlives_the_service(job: StagedJob, users: UserObjects, relay: HttpRelay) -> None:
    files = write_files(job)
    gate = Gate(relay, job.output_dir, FILES // 2)
    assert job.upload().status_code == 201
    assert eventually(lambda: gate.stopped > 0)
    job.live.kill()
    job.live.start()
    gate.open()
    assert job.wait("upload")["status"] == DONE
    assert users.read(job.output_dir + "/") == files


@on_swift
def test_a_plugin_job_is_not_begun_anew_while_its_outputs_are_uploaded(
    users: UserObjects, start_server: StartServer, relay: HttpRelay
) -> None:
    job = ended_job(users, start_server, "exit 3")
    write_files(job)
    gate = Gate(relay, job.output_dir, 3)
    assert job.upload().status_code == 201
    assert eventually(lambda: gate.stopped > 0)
    refused = job.plugin("true")
    assert refused.status_code == 409
    assert "being uploaded" in refused.json()["message"]
    gate.open()
    assert job.wait("upload")["status"] == DONE
    assert job.plugin("true").status_code == 201
    assert job.wait("plugin")["status"] == DONE
    assert job.files().json()["rel_file_paths"] == []


def test_a_wrong_key_is_told_and_not_shown(storage: str, start_server: StartServer) -> None:
    users = UserObjects(storage, url_of(storage), key="wrong-but-nobodys-business")
    job = StagedJob(start_server("process", **users.environ))
    failed = job.copied()
    assert failed["status"] == "finishedWithError"
    fields = {"input_dirs": ["home/x"], "output_dir": "home/y", "entrypoint": ["true"], "type": "ds"}
    answer = job.api.submit(f"{job.jid}-sync", "true", None, **fields)
    assert answer.status_code == 400
    assert f"input_dirs: Error fetching files from {storage}" in answer.json()["message"]
    for text in (str(failed), answer.text, job.live.log_path.read_text()):
        assert "nobodys-business" not in text
