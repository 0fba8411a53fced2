"""The compute contract: the life of a job, from ``schedule`` to ``remove``."""

import concurrent.futures
import dataclasses
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pfcon.errors import Absent, Conflict, Unreachable
from pfcon.models import INCOMING, JobSpec, JobStatus
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import HEARTBEAT, Harness
from pfcon.testing.waiting import eventually

LONG = 300  # seconds that a job runs; longer than a test needs, which then removes it


def beats(path: Path) -> int:
    """Return the number of heartbeats that a job has written."""
    return path.stat().st_size if path.exists() else 0


def start_heartbeat(compute: Harness, script: str = HEARTBEAT) -> tuple[JobSpec, Path]:
    spec = compute.shell(script)
    compute.engine.schedule(spec)
    path = compute.outgoing(spec) / "beat"
    assert eventually(lambda: beats(path) > 0)
    return spec, path


def test_the_engine_gives_a_sign_of_life_in_one_line(compute: Harness) -> None:
    line = compute.engine.check()
    assert line
    assert "\n" not in line


def test_a_job_that_exits_with_zero_has_succeeded(compute: Harness) -> None:
    assert compute.run(compute.shell("exit 0")).status is JobStatus.SUCCEEDED


def test_schedule_does_not_wait_for_the_end(compute: Harness) -> None:
    spec = compute.spec(["sleep", str(LONG)])
    info = compute.engine.schedule(spec)
    assert info.status in (JobStatus.NOT_STARTED, JobStatus.STARTED)
    assert eventually(lambda: compute.engine.info(spec.name).status is JobStatus.STARTED)
    assert compute.engine.info(spec.name).finished_at is None


def test_a_failing_job_tells_its_exit_code(compute: Harness) -> None:
    info = compute.run(compute.shell("exit 3"))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert "exit code 3" in info.message


def test_a_command_that_does_not_exist_is_named(compute: Harness) -> None:
    info = compute.run(compute.spec(["no-such-program-here", "x"]))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.COMMAND_NOT_FOUND)
    assert "no such command" in info.message
    assert "no-such-program-here" in info.message


def test_a_file_that_is_not_executable_is_named(compute: Harness) -> None:
    spec = compute.spec([f"{INCOMING}/plain.txt"])
    compute.incoming(spec).joinpath("plain.txt").write_text("text")
    info = compute.run(spec)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.NOT_EXECUTABLE)
    assert "not executable" in info.message
    assert f"{INCOMING}/plain.txt" in info.message


def test_a_command_that_is_a_directory_fails(compute: Harness) -> None:
    assert compute.run(compute.spec([str(INCOMING)])).status is JobStatus.FAILED


def test_a_job_killed_by_a_signal_names_the_signal(compute: Harness) -> None:
    info = compute.run(compute.shell("kill -SEGV $$; exit 0"))
    assert info.status is JobStatus.FAILED
    assert "SIGSEGV" in info.message


def test_info_gives_back_what_was_scheduled(compute: Harness) -> None:
    spec = compute.shell("exit 0", "a b", request="5f" * 32)
    for info in (compute.engine.schedule(spec), compute.wait(spec.name)):
        assert info.name == spec.name
        assert info.argv == spec.argv
        assert info.image.endswith(spec.image)  # an engine may put a registry before the name
        assert info.request == spec.request


def test_the_time_of_the_end_is_aware_and_plausible(compute: Harness) -> None:
    before = datetime.now(UTC)
    info = compute.run(compute.shell("sleep 1"))
    assert info.finished_at is not None
    assert info.finished_at.utcoffset() == timedelta(0)
    assert before + timedelta(seconds=0.5) < info.finished_at < datetime.now(UTC) + timedelta(seconds=1)
    assert compute.engine.info(info.name).finished_at == info.finished_at


def assert_conflicts_and_first_is_left_alone(compute: Harness, first: JobSpec) -> None:
    for second in (first, dataclasses.replace(first, argv=("echo", "second"), request="bb")):
        with pytest.raises(Conflict):
            compute.engine.schedule(second)
    assert compute.engine.info(first.name).argv == first.argv
    assert eventually(lambda: compute.engine.logs(first.name, 10) == "first\n")


def test_the_name_of_a_running_job_conflicts_and_that_job_is_left_alone(compute: Harness) -> None:
    spec = compute.shell(f"echo first; sleep {LONG}", request="aa")
    compute.engine.schedule(spec)
    assert_conflicts_and_first_is_left_alone(compute, spec)
    assert not compute.engine.info(spec.name).status.final


def test_the_name_of_an_ended_job_conflicts_and_that_job_is_left_alone(compute: Harness) -> None:
    spec = compute.shell("echo first", request="aa")
    info = compute.run(spec)
    assert_conflicts_and_first_is_left_alone(compute, spec)
    assert compute.engine.info(spec.name) == info


def test_one_name_scheduled_by_many_at_once_runs_once(compute: Harness) -> None:
    spec = compute.shell('echo ran >> "$1"/ran')
    start = threading.Barrier(8)

    def schedule() -> bool:
        start.wait()
        try:
            compute.engine.schedule(spec)
        except Conflict:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        won = [future.result() for future in [pool.submit(schedule) for _ in range(8)]]
    assert sorted(won) == [False] * 7 + [True]
    assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
    assert compute.outgoing(spec).joinpath("ran").read_text() == "ran\n"


def test_thirty_jobs_at_once_all_end(compute: Harness) -> None:
    specs = [compute.shell(f"echo {number}; exit {number % 2}") for number in range(30)]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        list(pool.map(compute.engine.schedule, specs))
    for number, spec in enumerate(specs):
        info = compute.wait(spec.name)
        assert info.status is (JobStatus.FAILED if number % 2 else JobStatus.SUCCEEDED), info.message
        assert compute.engine.logs(spec.name, 10) == f"{number}\n"


def test_an_unknown_name_is_absent(compute: Harness) -> None:
    name = compute.spec(["true"]).name
    with pytest.raises(Absent):
        compute.engine.info(name)
    with pytest.raises(Absent):
        compute.engine.logs(name, 10)
    with pytest.raises(Absent):
        compute.engine.cancel(name)


def test_removing_what_is_unknown_is_no_error(compute: Harness) -> None:
    compute.engine.remove(compute.spec(["true"]).name)


def test_remove_stops_a_running_job_and_frees_its_name(compute: Harness) -> None:
    spec, path = start_heartbeat(compute)
    compute.engine.remove(spec.name)
    assert compute.has_stopped(path)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)
    again = dataclasses.replace(spec, argv=("echo", "again"))
    assert compute.run(again).status is JobStatus.SUCCEEDED
    assert compute.engine.logs(spec.name, 10) == "again\n"


def test_remove_is_repeatable(compute: Harness) -> None:
    spec = compute.shell("exit 0")
    compute.run(spec)
    compute.engine.remove(spec.name)
    compute.engine.remove(spec.name)


def test_a_job_that_several_remove_concurrently_is_removed_for_each_of_them(compute: Harness) -> None:
    spec, path = start_heartbeat(compute)

    def remove(_: int) -> int:
        compute.engine.remove(spec.name)
        return beats(path)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        counts = set(pool.map(remove, range(6)))
    assert counts == {beats(path)}
    assert compute.has_stopped(path)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_cancel_ends_the_job_says_so_and_keeps_its_log(compute: Harness) -> None:
    spec, path = start_heartbeat(compute, f"echo begun; {HEARTBEAT}")
    compute.engine.cancel(spec.name)
    info = compute.wait(spec.name)
    assert info.status is JobStatus.FAILED
    assert "cancel" in info.message
    assert compute.has_stopped(path)
    compute.engine.cancel(spec.name)
    assert compute.engine.info(spec.name) == info
    assert compute.engine.logs(spec.name, 10) == "begun\n"


def test_cancel_of_an_ended_job_changes_nothing(compute: Harness) -> None:
    spec = compute.shell("exit 0")
    info = compute.run(spec)
    compute.engine.cancel(spec.name)
    assert compute.engine.info(spec.name) == info


def test_cancel_stops_what_left_the_jobs_session(compute: Harness) -> None:
    spec, path = start_heartbeat(compute, f"""(setsid sh -c '{HEARTBEAT}' sh "$1" &); sleep 600""")
    compute.engine.cancel(spec.name)
    compute.wait(spec.name)
    assert compute.has_stopped(path)


def test_a_job_that_ignores_sigterm_is_killed_in_the_end(compute: Harness) -> None:
    spec, path = start_heartbeat(compute, f"trap '' TERM; {HEARTBEAT}")
    compute.engine.cancel(spec.name)
    assert compute.wait(spec.name).status is JobStatus.FAILED
    assert compute.has_stopped(path)


def test_an_engine_that_does_not_answer_is_unreachable_not_absent(compute: Harness) -> None:
    dead = compute.dead()
    spec = compute.spec(["true"])
    with pytest.raises(Unreachable):
        dead.schedule(spec)
    with pytest.raises(Unreachable):
        dead.info(spec.name)
    with pytest.raises(Unreachable):
        dead.logs(spec.name, 10)
    with pytest.raises(Unreachable):
        dead.cancel(spec.name)
    with pytest.raises(Unreachable):
        dead.remove(spec.name)
    with pytest.raises(Unreachable):
        dead.check()


__all__ = [name for name in [*globals()] if name.startswith("test_")]
