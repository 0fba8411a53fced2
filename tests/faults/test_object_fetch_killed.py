"""Fetching inputs while the server is killed, the disk fills up, or the fetch itself is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.object_inputs import ALL, BIG, MIB, SMALL, ObjectInputs

from pfcon.errors import StorageFull
from pfcon.models import JobId
from pfcon.paths import StoreBase
from pfcon.storage.base import Staged


def test_a_server_that_is_killed_and_started_again_is_waited_for(inputs: ObjectInputs) -> None:
    inputs.fill()

    def restart() -> None:
        inputs.server.kill()
        time.sleep(0.5)
        inputs.server.start()

    inputs.once("in/big", restart, 2)
    assert inputs.stage().nfiles == len(ALL)
    assert inputs.tree() == ALL


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
    inputs: ObjectInputs, little_disk: StoreBase, name: str
) -> None:
    inputs.job = little_disk.job(JobId("j1"))
    inputs.fill({**SMALL, **({name: BIG} if name == "in/big" else {f"{name}{n}": BIG[:MIB] for n in range(9)})})
    with pytest.raises(StorageFull, match="the disk is full: there is no space for object 'in/"):
        inputs.stage()
    assert all(data in (*SMALL.values(), BIG[:MIB]) for data in inputs.left())


CHILD = """
import sys
from pathlib import Path
from pfcon.models import JobId
from pfcon.paths import StoreBase
from pfcon.storage.objects.swift.description import SwiftSettings
from pfcon.storage.objects import concurrency
from pfcon.storage.objects.download import ranges, tasks, worker
from pfcon.storage.objects.download.fetch import fetch
from pfcon.storage.objects.swift.store import SwiftStore
worker.LARGE = tasks.LARGE = 5 << 20
ranges.RANGE, concurrency.PAUSE = 2 << 20, 0.0
root, url, container = sys.argv[1:]
store = SwiftStore(SwiftSettings(url, "chris:chris1234", "testing", container))
print("go", flush=True)
fetch(store, ("in",), "out", StoreBase(Path(root)).job(JobId("j1")), 0, lambda text: None)
"""


@pytest.mark.slow
@pytest.mark.engine("swift")
def test_killed_at_any_moment_a_fetch_never_looks_complete_and_a_later_one_is(
    swift_inputs: ObjectInputs,
) -> None:
    inputs = swift_inputs
    inputs.fill()
    inputs.relay.delay = 0.3  # seconds: what is under way does not end while this process waits for its turn
    kills = 0
    for number in range(3, len(ALL), 8):  # when so many objects have been asked for
        inputs.relay.clear()
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(inputs.job.storebase.root), inputs.objects.url, inputs.objects.container],
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        with child.stdout:
            child.stdout.readline()
            while child.poll() is None and inputs.gets() < number:
                time.sleep(0.002)
            child.send_signal(signal.SIGKILL)
            child.wait()
        if inputs.job.incoming.exists():
            assert inputs.tree() == ALL
            inputs.job.unstage()
        else:
            kills += 1
    assert kills > 1
    inputs.relay.delay = 0
    staged = inputs.stage()
    assert replace(staged, notes=()) == Staged(len(ALL), sum(map(len, ALL.values())))
    assert inputs.tree() == ALL
    assert os.listdir(inputs.job.path) == ["incoming"]
