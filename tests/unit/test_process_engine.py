"""The process engine beyond the contract: what a job gets, what is refused, what is kept."""

import concurrent.futures
import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.compute import jobs_directory

import pfcon
from pfcon.compute.log import tail
from pfcon.compute.process.engine import LOG_BYTES, ProcessEngine
from pfcon.compute.process.job import JobFolder
from pfcon.errors import Absent, Conflict, Refused, Unreachable
from pfcon.models import JobSpec, JobStatus, Resources, User
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import HEARTBEAT, Harness, still_changes
from pfcon.testing.waiting import eventually

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a job another user")


def output(compute: Harness, spec: JobSpec) -> str:
    assert compute.run(spec).status is JobStatus.SUCCEEDED, compute.engine.info(spec.name)
    return compute.engine.logs(spec.name, 1000)


# ---- what a job gets


def test_a_job_has_no_descriptors_but_its_three(compute: Harness) -> None:
    script = "import os; print(*sorted(os.listdir('/proc/self/fd')))"
    assert output(compute, compute.spec(["python3", "-c", script])) == "0 1 2 3\n"  # 3 is the directory it lists


def test_a_job_has_default_signals_whatever_the_service_ignores(compute: Harness) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        found = output(compute, compute.spec(["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"]))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert [int(line.split()[1], 16) for line in found.splitlines()] == [0, 0]


def test_a_job_works_in_its_output_directory(compute: Harness) -> None:
    spec = compute.spec(["pwd"])
    assert output(compute, spec) == f"{compute.outgoing(spec)}\n"


def test_a_missing_output_directory_is_told(compute: Harness) -> None:
    spec = compute.spec(["true"])
    compute.outgoing(spec).rmdir()
    info = compute.engine.schedule(spec)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.OUTPUT_UNWRITABLE)
    assert info.message == "the output directory /share/outgoing can't be used"


def test_a_cpu_limit_binds_to_whole_cores(compute: Harness) -> None:
    script = "import os; print(len(os.sched_getaffinity(0)))"
    spec = compute.spec(["python3", "-c", script], resources=Resources(cpu=700))
    assert output(compute, spec) == "1\n"


def test_a_path_of_the_jobs_own_environment_is_searched(compute: Harness) -> None:
    spec = compute.spec(["tool"], env=(("PATH", "/nowhere:/share/incoming"),))
    tool = compute.incoming(spec) / "tool"
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o755)
    assert output(compute, dataclasses.replace(spec, env=(("PATH", str(tool.parent)),))) == "found\n"


@as_root
def test_a_job_of_another_user_has_none_of_the_services_groups(compute: Harness) -> None:
    before = os.getgroups()
    os.setgroups([0, 4])
    try:
        found = output(compute, compute.spec(["id", "-G"], user=User(1234, 2345)))
    finally:
        os.setgroups(before)
    assert found == "2345\n"


def test_a_jobs_parent_has_nothing_of_the_services_environment(
    compute: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFCON_PASSWORD", "not-for-jobs")
    assert "not-for-jobs" not in output(compute, compute.shell("cat /proc/$PPID/environ"))


@as_root
def test_a_job_of_another_user_may_open_its_stderr_anew(compute: Harness) -> None:
    assert output(compute, compute.shell("echo x > /dev/stderr", user=User(1234, 2345))) == "x\n"


def test_memory_that_processes_share_counts_once(compute: Harness) -> None:
    script = (
        "import os, time\nkept = b'x' * (40 << 20)\n"
        "for _ in range(4):\n    if not os.fork():\n        time.sleep(1.5); os._exit(0)\n"
        "for _ in range(4): os.wait()\n"
    )
    spec = compute.spec(["python3", "-c", script], resources=Resources(memory=100))
    assert compute.run(spec).message == ""


def test_too_many_threads_are_told(compute: Harness) -> None:
    script = "import threading, time\nfor _ in range(30): threading.Thread(target=time.sleep, args=(30,)).start()"
    info = compute.run(compute.spec(["python3", "-c", script], resources=Resources(pids=20)))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.TOO_MANY_PROCESSES)
    assert info.message == "the job needed more than the 20 processes and threads that it may have"


def test_what_a_job_leaves_behind_ends_with_it(compute: Harness) -> None:
    spec = compute.shell(f"""setsid sh -c '{HEARTBEAT}' sh "$1" & while [ ! -e "$1"/beat ]; do sleep 0.05; done""")
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert not still_changes(compute.outgoing(spec) / "beat")


def test_a_cancelled_job_has_time_to_clean_up(compute: Harness) -> None:
    compute.engine = ProcessEngine(compute.storebase, stop_grace=60)
    script = "trap 'sleep 0.5; touch \"$1\"/clean; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    spec = compute.shell(script)
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.logs(spec.name, 1) == "ready\n")
    compute.engine.cancel(spec.name)
    info = compute.wait(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, "cancelled")
    assert compute.outgoing(spec).joinpath("clean").exists()


# ---- what it refuses


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"resources": Resources(gpus=1)}, "gpu_limit"),
        ({"resources": Resources(workers=0)}, "number_of_workers"),
        ({"env": (("A=B", "x"),)}, "env"),
        ({"env": (("A", "x\0y"),)}, "character"),
        ({"name": "../out"}, "name"),
        ({"name": ".tmp-x"}, "name"),
    ],
)
def test_a_job_that_can_never_run_is_refused(compute: Harness, overrides: dict[str, object], named: str) -> None:
    with pytest.raises(Refused, match=named):
        compute.engine.schedule(compute.spec(["true"], **overrides))
    assert not jobs_directory(compute).exists()


@pytest.mark.parametrize("name", ["", ".", "..", "../..", "a/b", ".tmp-x", "a\0b"])
def test_a_name_that_is_no_job_name_is_absent(compute: Harness, name: str) -> None:
    with pytest.raises(Absent):
        compute.engine.info(name)
    compute.engine.remove(name)


def test_a_storebase_that_is_away_is_unreachable_not_absent(compute: Harness) -> None:
    spec = compute.shell("exit 0")
    compute.run(spec)
    away = compute.storebase.root.with_suffix(".away")
    compute.storebase.root.rename(away)
    try:
        for ask in (compute.engine.info, compute.engine.cancel, compute.engine.remove):
            with pytest.raises(Unreachable):
                ask(spec.name)
    finally:
        away.rename(compute.storebase.root)
    assert compute.engine.info(spec.name).status is JobStatus.SUCCEEDED


def test_a_job_that_damages_its_records_is_absent_and_never_runs_twice(compute: Harness) -> None:
    spec = compute.shell("sleep 60")
    compute.engine.schedule(spec)
    kept = compute.storebase.private / "process" / spec.name / "spec.json"
    text = kept.read_text()
    kept.write_text("{")
    for ask in (compute.engine.info, compute.engine.cancel):
        with pytest.raises(Absent):
            ask(spec.name)
    compute.engine.remove(spec.name)
    with pytest.raises(Conflict):
        compute.engine.schedule(spec)
    kept.write_text(text)
    assert compute.engine.info(spec.name).status is JobStatus.STARTED


# ---- what it keeps, and leaves


def test_a_users_token_is_not_written_down(compute: Harness) -> None:
    spec = compute.shell('test "${#TOKEN}" = 6 && sleep 30', env=(("TOKEN", "sesame"),))
    compute.engine.schedule(spec)
    directory = jobs_directory(compute) / spec.name
    for path in directory.iterdir():
        assert path.stat().st_mode & 0o077 == 0
        assert path.name == "control" or "sesame" not in path.read_text()
    assert directory.stat().st_mode & 0o077 == 0


def test_the_service_has_no_children_left_to_reap(compute: Harness) -> None:
    before = children()
    compute.run(compute.shell("exit 0"))
    assert children() - before == set()


def children() -> set[str]:
    """Pids of this process's children, those that have ended and wait to be reaped among them."""
    return {pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


def test_nothing_is_left_of_removed_jobs(compute: Harness) -> None:
    specs = [compute.shell("sleep 60") for _ in range(3)]
    for spec in specs:
        compute.engine.schedule(spec)
    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        list(pool.map(compute.engine.remove, [spec.name for spec in specs] * 3))
    assert list(jobs_directory(compute).iterdir()) == []


def test_an_order_to_a_supervisor_that_ends_meanwhile_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "control")
    supervisor = os.open(tmp_path / "control", os.O_RDONLY | os.O_NONBLOCK)
    job, opened = JobFolder(tmp_path), []

    def open_and_end(name: str, flags: int) -> int:
        opened.append(name)
        control = os.open(tmp_path / name, flags)
        os.close(supervisor)
        return control

    monkeypatch.setattr(job, "open", open_and_end)
    with job:
        job.order(b"k")
    assert opened == ["control"]


def test_the_supervisor_imports_little() -> None:
    script = "import sys; sys.path.append(sys.argv[1]); import pfcon.compute.process.supervisor; print(*sys.modules)"
    words = [sys.executable, "-I", "-S", "-c", script, str(Path(pfcon.__file__).parents[1])]
    modules = set(subprocess.run(words, capture_output=True, check=True, text=True).stdout.split())
    assert {name for name in modules if name.startswith("pfcon.compute.")} == {
        "pfcon.compute.process.supervisor",
        "pfcon.compute.process",
        "pfcon.compute.log_writer",
        "pfcon.compute.process.needs",
        "pfcon.compute.process.start",
        "pfcon.compute.process.state_file",
        "pfcon.compute.process.tree",
    }
    assert not modules & {"typing", "subprocess", "pathlib", "dataclasses", "logging"}


@pytest.mark.parametrize("text", [b"", b"\n", b"one", b"one\n", b"one\ntwo", b"\n\n\n", b"a\r\nb\n" * 50_000])
@pytest.mark.parametrize("lines", [0, 1, 2, 3, 70_000])
def test_a_log_is_read_from_its_end(tmp_path: Path, text: bytes, lines: int) -> None:
    path = tmp_path / "log"
    path.write_bytes(text)
    with path.open("rb") as file:
        expected = [line + b"\n" for line in text.split(b"\n")]
        expected[-1] = expected[-1][:-1]
        whole = [line for line in expected if line]
        assert tail(file.fileno(), lines, LOG_BYTES) == b"".join(whole[len(whole) - min(lines, len(whole)) :])


def test_a_bounded_log_does_not_begin_within_a_character(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("日" * 100, encoding="utf-8")
    with path.open("rb") as file:
        assert tail(file.fileno(), 5, 10).decode("utf-8") == "日日日"
