"""What the contract does not ask: the toy engine's own settings, files and limits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pfcon.errors import Absent, Refused
from pfcon.models import JobStatus, Resources, User
from pfcon.testing.compute import Harness
from pfcon.testing.compute.outside import processes_of
from pfcon.testing.waiting import eventually
from pfcon_toy.engine import ToyEngine
from pfcon_toy.job import MARKER, kill_marked

SCHEDULE = """
import sys
from pathlib import Path
from pfcon.models import JobSpec
from pfcon.paths import StoreBase
from pfcon_toy.engine import ToyEngine
ToyEngine(StoreBase(Path(sys.argv[1])), grace=2, log_bytes=65536).schedule(JobSpec.from_json(sys.stdin.read()))
"""


def directory(compute: Harness, name: str) -> Path:
    return compute.storebase.private / "toy" / name


def test_a_job_outlives_the_process_that_has_scheduled_it(compute: Harness) -> None:
    spec = compute.shell('until [ -e "$1"/go ]; do sleep 0.05; done; echo done')
    subprocess.run(
        [sys.executable, "-c", SCHEDULE, str(compute.storebase.root)], input=spec.to_json(), text=True, check=True
    )
    assert compute.engine.info(spec.name).status is JobStatus.STARTED
    (compute.outgoing(spec) / "go").touch()
    assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
    assert compute.engine.logs(spec.name, 10) == "done\n"


def test_a_cancelled_job_has_the_time_of_the_setting(compute: Harness) -> None:
    engine = ToyEngine(compute.storebase, grace=600, log_bytes=65536)
    script = """trap 'sleep 3; echo saved >"$1"/result; exit' TERM; touch "$1"/begun; while :; do sleep 0.05; done"""
    spec = compute.shell(script)  # the engine of the contract would kill it after 2 seconds
    engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "begun").exists)
    engine.cancel(spec.name)
    assert compute.wait(spec.name).message == "cancelled"
    assert (compute.outgoing(spec) / "result").read_text() == "saved\n"


def test_the_users_token_is_in_no_file(compute: Harness) -> None:
    spec = compute.shell("test ${#TOKEN} = 14", env=(("TOKEN", "a-secret-token"),))
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    files = [path for path in directory(compute, spec.name).iterdir() if path.is_file()]
    assert {"spec.json", "end.json"} <= {path.name for path in files}
    assert not [path.name for path in files if b"a-secret-token" in path.read_bytes()]


def test_a_log_is_kept_up_to_its_limit(compute: Harness) -> None:
    engine = ToyEngine(compute.storebase, grace=2, log_bytes=65536)
    spec = compute.spec(["seq", "100000"])
    engine.schedule(spec)
    compute.wait(spec.name)
    assert sum(path.stat().st_size for path in directory(compute, spec.name).glob("log*")) <= 65536
    assert engine.logs(spec.name, 1) == "100000\n"


def test_a_name_that_a_crash_has_left_half_made_is_free(compute: Harness) -> None:
    spec = compute.shell("exit 0")
    compute.storebase.private_dir("toy")
    directory(compute, spec.name).mkdir()
    with pytest.raises(Absent):
        compute.engine.info(spec.name)
    assert compute.run(spec).status is JobStatus.SUCCEEDED


def test_remove_leaves_nothing(compute: Harness) -> None:
    spec = compute.shell("exit 0")
    compute.run(spec)
    compute.engine.remove(spec.name)
    assert not list((compute.storebase.private / "toy").iterdir())
    assert not list(compute.storebase.trash.iterdir())


def test_remove_ends_what_a_killed_keeper_has_left(compute: Harness) -> None:
    spec = compute.start_lasting()
    compute.lose_keeper(spec)
    assert processes_of(spec)
    compute.engine.remove(spec.name)
    assert eventually(lambda: not processes_of(spec), timeout=5)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_only_what_has_the_marker_is_killed() -> None:
    sleepers = [subprocess.Popen(["sleep", "60"], env={**os.environ, MARKER: f"/no/job/{n}"}) for n in (1, 10)]
    try:
        kill_marked(f"{MARKER}=/no/job/1")
        assert sleepers[0].wait(10) == -9
        assert sleepers[1].poll() is None
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("resources", Resources(gpus=1), "gpu"),
        ("user", User(os.geteuid() + 1, None), "user"),
        ("name", "../out", "name|must be"),
    ],
)
def test_what_it_can_not_run_is_refused(compute: Harness, field: str, value: object, word: str) -> None:
    spec = compute.spec(["true"], **{field: value})
    compute.names.clear()  # nothing was made
    with pytest.raises(Refused, match=word):
        compute.engine.schedule(spec)
    assert not (compute.storebase.private / "toy").exists()
