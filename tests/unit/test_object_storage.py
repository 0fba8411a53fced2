"""Storages swift and s3 beyond the storage contract: their containers, what they tell, and turns of uploads."""

import threading
from dataclasses import replace

import pytest
from support.user_objects import OBJECT_STORES, UserObjects, url_of

from pfcon.check import run_checks
from pfcon.configuration import load
from pfcon.errors import InvalidFields, Refused, Unreachable
from pfcon.models import JobId
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.object_store import ObjectStorage
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import make_storage
from pfcon.storage.upload_lock import upload_lock
from pfcon.testing.storage import REQUEST
from pfcon.testing.waiting import PATIENCE, eventually


@pytest.fixture(params=OBJECT_STORES)
def users(request: pytest.FixtureRequest) -> UserObjects:
    """A container that does not exist yet."""
    return UserObjects(request.param, url_of(request.param))


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    """A job with one output."""
    job = storebase.job(JobId("j"))
    job.outgoing.mkdir(parents=True)
    (job.outgoing / "f").write_bytes(b"1")
    return job


def storage_of(settings: StorageSettings, job: JobDir) -> ObjectStorage:
    made = make_storage(settings, job.storebase)
    assert isinstance(made, ObjectStorage)
    return made


def deliver(storage: ObjectStorage, job: JobDir) -> int:
    return storage.deliver(job, "home/out", lambda text: None).nsent


def test_development_makes_the_container_at_its_first_use(users: UserObjects, job: JobDir) -> None:
    storage = storage_of(users.settings, job)
    assert deliver(storage, job) == 1
    assert users.read("home/out/") == {"f": b"1"}


def test_production_refuses_a_container_that_is_missing_with_its_name(users: UserObjects, job: JobDir) -> None:
    storage = storage_of(replace(users.settings, create=False), job)
    with pytest.raises(Refused, match=users.container):
        storage.check()
    with pytest.raises(Refused, match=users.container):
        deliver(storage, job)
    plan = storage.plan(replace(REQUEST, input_dirs=("home/in",), output_dir="home/out"), None)  # type: ignore[arg-type]
    with pytest.raises(Refused, match=users.container):
        plan.stage(job, lambda text: None)


def test_check_says_which_container_answers(users: UserObjects, storebase: StoreBase) -> None:
    assert users.container in make_storage(users.settings, storebase).check()


def test_check_says_which_store_does_not_answer(users: UserObjects, storebase: StoreBase) -> None:
    users.url = "http://127.0.0.1:1/auth/v1.0"
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        make_storage(users.settings, storebase).check()


def test_the_command_checks_the_store_too(users: UserObjects, storebase: StoreBase) -> None:
    environ = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(storebase.root)}
    told: list[str] = []
    assert run_checks(load({**environ, **users.environ}), told.append)
    assert any(line.startswith("ok      storage:") and users.container in line for line in told), told


@pytest.mark.parametrize("path", ["", "/", "../x", "home/../../x", ".pfcon/x", "key-x"])
def test_a_path_that_leads_out_is_refused_before_anything_is_sent(users: UserObjects, job: JobDir, path: str) -> None:
    storage = make_storage(users.settings, job.storebase)
    with pytest.raises(InvalidFields):
        storage.deliver(job, path, lambda text: None)
    with pytest.raises(InvalidFields):
        storage.outputs(job, path)


def test_a_new_run_begins_with_no_outputs_of_an_earlier_one(users: UserObjects, job: JobDir) -> None:
    storage = make_storage(users.settings, job.storebase)
    storage.make_outputs(job, REQUEST, None)
    assert list(job.outgoing.iterdir()) == []
    assert eventually(lambda: not list(job.storebase.trash.iterdir()))


def test_uploads_of_the_same_outputs_take_turns(job: JobDir) -> None:
    ended: list[str] = []

    def second() -> None:
        with upload_lock(job):
            ended.append("second")

    with upload_lock(job):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.3)
        ended.append("first")
    waiting.join(PATIENCE)
    assert ended == ["first", "second"]


def test_an_upload_does_not_wait_for_ever(job: JobDir) -> None:
    with upload_lock(job), pytest.raises(Unreachable, match="another upload"), upload_lock(job, patience=0.2):
        pass
