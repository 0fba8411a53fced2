"""Fetching inputs from a real Swift and S3 that is cut off, busy, killed, or whose objects change meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.http_relay import HttpRelay, Request
from support.object_stores import ObjectHarness, ObjectServer, object_server

from pfcon.errors import Refused, TooLarge, Unreachable
from pfcon.models import JobId
from pfcon.paths import JobDir, StoreBase
from pfcon.storage.base import Staged
from pfcon.storage.objects import fetching, object_fetch, retrying, tree_fetch
from pfcon.storage.objects.fetching import fetch

MIB = 1 << 20
BIG = os.urandom(9 * MIB)
SMALL = {f"in/d{n % 3}/{n:02}": BIG[n : n + 20_000 + n] for n in range(40)}
ALL = {**SMALL, "in/big": BIG}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """A server that these tests may kill; it is started again by whoever killed it."""
    with object_server(tmp_path_factory.mktemp("store")) as found:
        yield found


@pytest.fixture
def relay(server: ObjectServer) -> Iterator[HttpRelay]:
    with HttpRelay(int(server.s3_url.rpartition(":")[2])) as found:
        yield found


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.engine(kind)) for kind in ("swift", "s3")])
def objects(request: pytest.FixtureRequest, relay: HttpRelay) -> Iterator[ObjectHarness]:
    """An empty container, through the relay."""
    path = "/auth/v1.0" if request.param == "swift" else ""
    harness = ObjectHarness(request.param, f"http://127.0.0.1:{relay.port}{path}")
    harness.store.create_container()
    yield harness
    harness.close()


@pytest.fixture(autouse=True)
def ranges_from_5_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    """``big`` comes in ranges."""
    for module in (object_fetch, tree_fetch):
        monkeypatch.setattr(module, "LARGE", 5 * MIB)
    monkeypatch.setattr("pfcon.storage.objects.ranges.RANGE", 2 * MIB)


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    return storebase.job(JobId("j1"))


def fill(objects: ObjectHarness, files: dict[str, bytes] = ALL) -> None:
    for name, data in files.items():
        if len(data) > 5 * MIB and objects.kind == "s3":
            objects.put_large(name, [data[:5_300_000], data[5_300_000:]])
        else:
            objects.put(name, data)


def stage(objects: ObjectHarness, job: JobDir, *inputs: str) -> Staged:
    return fetch(objects.store, inputs or ("in",), "out", job, 0, lambda text: None)


def tree(root: Path) -> dict[str, bytes]:
    return {f"in/{path.relative_to(root)}": path.read_bytes() for path in root.rglob("*") if path.is_file()}


def gets(relay: HttpRelay, objects: ObjectHarness) -> int:
    """Requests for objects."""
    return relay.count("GET", f"/{objects.container}/in/")


def once(relay: HttpRelay, wanted: Callable[[Request], bool], act: Callable[[], object]) -> None:
    """Act when the first such request comes, before it is passed on."""
    done: list[Request] = []

    def look(request: Request) -> None:
        if wanted(request) and not done:
            done.append(request)
            act()

    relay.on_request = look


def is_get(name: str, number: int = 1) -> Callable[[Request], bool]:
    """Whether this is the object's GET of that number."""
    seen: list[Request] = []

    def look(request: Request) -> bool:
        if request.method == "GET" and request.path.partition("?")[0].endswith(f"/{name}"):
            seen.append(request)
        return len(seen) == number

    return look


def test_a_tree_is_staged_and_a_repeated_try_fetches_nothing(
    objects: ObjectHarness, relay: HttpRelay, job: JobDir
) -> None:
    fill(objects, {**ALL, "in/l.chrislink": b"home/bob", "home/bob/f": b"F", "home/bobby/g": b"G"})
    objects.put("in/empty/", b"")
    relay.clear()
    assert stage(objects, job) == Staged(42, sum(map(len, ALL.values())) + 1)
    assert tree(job.incoming) == {**ALL, "in/home_bob/f": b"F"}
    assert (job.incoming / "empty").is_dir()
    assert gets(relay, objects) == len(SMALL) + 5 + 1
    job.unstage()
    relay.clear()
    assert stage(objects, job).notes == ("42 of 42 files were there from an earlier try",)
    assert gets(relay, objects) == 1  # the link


def test_a_connection_that_is_cut_goes_on_where_it_was(objects: ObjectHarness, relay: HttpRelay, job: JobDir) -> None:
    fill(objects)
    relay.clear()
    relay.cut(MIB + 7, 3, containing="/in/big")
    relay.cut(1000, 5, containing="/in/d1/")
    assert stage(objects, job).nfiles == 41
    assert tree(job.incoming) == ALL
    assert gets(relay, objects) == len(SMALL) + 5 + 8
    starts = {request.headers.get("range") for request in relay.requests if "/in/big" in request.path}
    assert sum(f"bytes={n * 2 * MIB + MIB + 7}-" in str(starts) for n in range(5)) >= 1


def test_a_store_that_is_busy_for_a_while_is_waited_for(objects: ObjectHarness, relay: HttpRelay, job: JobDir) -> None:
    fill(objects)
    once(relay, is_get("in/d1/10"), lambda: relay.busy(2))
    assert stage(objects, job).nfiles == 41
    assert tree(job.incoming) == ALL


def test_a_server_that_is_killed_and_started_again_is_waited_for(
    objects: ObjectHarness, relay: HttpRelay, server: ObjectServer, job: JobDir
) -> None:
    fill(objects)

    def restart() -> None:
        server.kill()
        time.sleep(0.5)
        server.start()

    once(relay, is_get("in/big", 2), restart)
    assert stage(objects, job).nfiles == 41
    assert tree(job.incoming) == ALL


def test_what_a_store_that_stays_away_has_given_stays_for_the_next_try(
    objects: ObjectHarness, relay: HttpRelay, job: JobDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(objects)
    monkeypatch.setattr(fetching, "Retrying", lambda: retrying.Retrying(1))
    once(relay, is_get("in/d1/10"), lambda: relay.busy(600))
    with pytest.raises(Unreachable, match=f"'{objects.container}' .*gave up after 1 s without progress"):
        stage(objects, job)
    assert not job.incoming.exists()
    relay.busy(0)
    there = sum(len(tree(path)) for path in job.path.iterdir())
    relay.clear()
    assert stage(objects, job).nfiles == 41
    assert tree(job.incoming) == ALL
    assert gets(relay, objects) <= len(ALL) - there + 4
    assert os.listdir(job.path) == ["incoming"]


@pytest.mark.parametrize("name", ["in/d0/00", "in/big"])
@pytest.mark.parametrize("number", [1, 2])
def test_an_object_that_is_deleted_meanwhile_is_left_out_and_told(
    objects: ObjectHarness, relay: HttpRelay, job: JobDir, name: str, number: int
) -> None:
    fill(objects)
    relay.cut(5000, containing=f"/{name}")
    once(relay, is_get(name, number), lambda: objects.but().store.delete(name))
    staged = stage(objects, job)
    assert staged.notes == (f"left out {name!r}: it was deleted while the inputs were fetched",)
    assert tree(job.incoming) == {path: data for path, data in ALL.items() if path != name}


@pytest.mark.parametrize("name", ["in/d0/00", "in/big"])
@pytest.mark.parametrize("number", [1, 2])
def test_an_object_that_is_replaced_meanwhile_is_fetched_in_its_new_version(
    objects: ObjectHarness, relay: HttpRelay, job: JobDir, name: str, number: int
) -> None:
    fill(objects)
    new = BIG[::-1][: len(ALL[name])]
    other = objects.but()
    relay.cut(5000, containing=f"/{name}")
    once(relay, is_get(name, number), lambda: other.put(name, new))
    assert stage(objects, job).nfiles == 41
    assert tree(job.incoming) == {**ALL, name: new}


def test_a_wrong_key_and_a_missing_container_are_told_at_once(objects: ObjectHarness, job: JobDir) -> None:
    for harness in (objects.but(key="wrong-" + "secret"), objects.but(container="no-such-container")):
        begun = time.monotonic()
        with pytest.raises(Refused, match=f"{harness.container}|credentials|SignatureDoesNotMatch") as caught:
            stage(harness, job)
        assert time.monotonic() - begun < 20
        assert harness.key not in str(caught.value)
        assert not job.path.exists()


@pytest.fixture
def little_disk(tmp_path: Path) -> Iterator[StoreBase]:
    """A storeBase on a file system of 6 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a little file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(tmp_path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no little file system can be mounted here: {mounted.stderr.strip()}")
    yield StoreBase(tmp_path)
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("name", ["in/big", "in/bulk"])
def test_a_full_disk_is_told_and_what_was_fetched_stays(
    objects: ObjectHarness, little_disk: StoreBase, name: str
) -> None:
    job = little_disk.job(JobId("j1"))
    fill(objects, {**SMALL, **({"in/big": BIG} if name == "in/big" else {f"{name}{n}": BIG[:MIB] for n in range(9)})})
    with pytest.raises(TooLarge, match="the disk is full: there is no room for object 'in/"):
        stage(objects, job)
    assert not job.incoming.exists()
    whole = [data for path in job.path.iterdir() for data in tree(path).values()]
    assert all(data in (*SMALL.values(), BIG[:MIB]) for data in whole)


CHILD = """
import sys
from pathlib import Path
from pfcon.models import JobId
from pfcon.paths import StoreBase
from pfcon.settings.model import SwiftSettings
from pfcon.storage.objects import object_fetch, ranges, tree_fetch
from pfcon.storage.objects.fetching import fetch
from pfcon.storage.objects.swift import SwiftStore
object_fetch.LARGE = tree_fetch.LARGE = 5 << 20
ranges.RANGE = 2 << 20
root, url, container = sys.argv[1:]
store = SwiftStore(SwiftSettings(url, "chris:chris1234", "testing", container))
print("go", flush=True)
fetch(store, ("in",), "out", StoreBase(Path(root)).job(JobId("j1")), 0, lambda text: None)
"""


@pytest.mark.slow
@pytest.mark.engine("swift")
def test_killed_at_any_moment_a_fetch_never_looks_complete_and_a_later_one_is(
    server: ObjectServer, relay: HttpRelay, job: JobDir
) -> None:
    objects = ObjectHarness("swift", f"http://127.0.0.1:{relay.port}/auth/v1.0")
    objects.store.create_container()
    fill(objects)
    relay.delay = 0.01
    kills = 0
    for number in range(3, len(ALL), 12):  # when so many objects have been asked for
        relay.clear()
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(job.storebase.root), objects.url, objects.container],
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        with child.stdout:
            child.stdout.readline()
            while child.poll() is None and gets(relay, objects) < number:
                time.sleep(0.002)
            child.send_signal(signal.SIGKILL)
            child.wait()
        if job.incoming.exists():
            assert tree(job.incoming) == ALL
            job.unstage()
        else:
            kills += 1
    assert kills > 1
    staged = stage(objects, job)
    assert replace(staged, notes=()) == Staged(41, sum(map(len, ALL.values())))
    assert tree(job.incoming) == ALL
    assert os.listdir(job.path) == ["incoming"]
    objects.close()
