"""Copies of logs that an engine has behind an API: whole, also after the engine's own are gone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.copied_logs import Logs
from support.small_disk import small_disk

from pfcon.errors import Absent, StorageFull, Unreachable
from pfcon.jobs.logs.copier import ENDED, LogCopier
from pfcon.jobs.logs.service import JobLogs
from pfcon.jobs.removal import Remover
from pfcon.models import JobKind, JobSpec
from pfcon.paths import StoreBase
from pfcon.records import Phase
from pfcon.testing.waiting import PATIENCE, eventually

PLUGIN = JobKind.PLUGIN
LINES = "seq 400000"  # 2.7 MB
WHOLE = b"".join(b"%d\n" % number for number in range(1, 400_001))


@pytest.fixture
def logs(storebase: StoreBase, tmp_path: Path) -> Iterator[Logs]:
    made = Logs(storebase, tmp_path)
    yield made
    made.compute.close()


def copies(logs: Logs) -> list[Path]:
    return [path for name in ("logs", "logs-unfinished") for path in (logs.context.storebase.private / name).glob("*")]


def test_the_whole_log_is_kept_at_the_end_of_a_job_whatever_becomes_of_its_container(logs: Logs) -> None:
    spec = logs.start(logs.compute.shell(LINES + r"; printf '\377no end'"))
    logs.end(spec)
    logs.wait_until_complete(spec)
    logs.engine.remove(spec.name)
    assert logs.read(spec) == WHOLE + b"\xffno end"
    assert logs.read(spec, 2_000_000) == WHOLE[2_000_000:] + b"\xffno end"
    assert not list((logs.context.storebase.private / "logs-unfinished").iterdir())


def test_what_a_running_job_has_written_is_there_when_it_is_asked_for(logs: Logs) -> None:
    spec = logs.start(logs.compute.shell('echo one; until [ -e "$1/go" ]; do sleep 0.05; done; echo two'))
    assert logs.logs.read(spec.jid, PLUGIN, 0, 100).complete is False

    def refreshed() -> bytes:
        logs.logs.refresh(spec.jid, PLUGIN)
        return logs.read(spec)

    assert eventually(lambda: refreshed() == b"one\n")
    asked = logs.engine.asked
    for _ in range(20):
        logs.logs.refresh(spec.jid, PLUGIN)
    assert logs.engine.asked <= asked + 2  # many clients ask the engine no more often
    logs.compute.outgoing(spec).joinpath("go").touch()
    logs.end(spec)
    logs.wait_until_complete(spec)
    assert logs.read(spec) == b"one\ntwo\n"


def test_while_a_job_is_followed_its_lines_come_about_every_second(logs: Logs) -> None:
    spec = logs.start(
        logs.compute.shell('for i in 1 2 3; do echo $i; sleep 1; done; until [ -e "$1/go" ]; do sleep 0.05; done')
    )
    with logs.logs.following(spec.jid, PLUGIN), logs.logs.following(spec.jid, PLUGIN):
        assert eventually(lambda: logs.read(spec) == b"1\n2\n3\n")
    asked = logs.engine.asked
    assert not eventually(lambda: logs.engine.asked > asked + 1, 3)
    logs.compute.outgoing(spec).joinpath("go").touch()
    logs.end(spec)


def test_only_the_first_and_the_last_part_are_kept_at_their_offsets(storebase: StoreBase, tmp_path: Path) -> None:
    logs = Logs(storebase, tmp_path, log_bytes=400_000)
    spec = logs.start(logs.compute.shell(LINES))
    logs.end(spec)
    logs.wait_until_complete(spec)
    part = logs.logs.read(spec.jid, PLUGIN, 200_000, 100)
    assert part.end == len(WHOLE)
    assert part.start > 2_000_000
    assert part.data == WHOLE[part.start : part.start + 100]
    assert logs.read(spec) == WHOLE[:200_000] + WHOLE[part.start :]


def killed_copy(logs: Logs, spec: JobSpec, chunks: int) -> bool:
    """Copy the log in another process, which is killed after some chunks. Returns whether it could copy all."""
    words = [logs.context.storebase.root, logs.database, logs.context.options.log_bytes, spec.jid, chunks]
    command = [sys.executable, "-m", "support.copied_logs", *map(str, words)]
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    status = subprocess.run(command, env={**os.environ, **paths}, check=False, timeout=PATIENCE).returncode
    assert status in (0, -signal.SIGKILL)
    return status == 0


@pytest.mark.parametrize("log_bytes", [1 << 26, 400_000])
def test_processes_that_are_killed_while_they_copy_lose_nothing_and_repeat_nothing(
    storebase: StoreBase, tmp_path: Path, log_bytes: int
) -> None:
    logs = Logs(storebase, tmp_path, log_bytes)
    logs.engine.fault = Unreachable("away")  # so that only the killed ones copy
    spec = logs.start(logs.compute.shell(LINES))
    logs.end(spec)
    killed = 0
    while not killed_copy(logs, spec, 30):
        killed += 1
        part = logs.logs.read(spec.jid, PLUGIN, 150_000, 1000)
        assert part.data == WHOLE[part.start : part.start + len(part.data)]
        assert not part.complete
    assert killed >= 2
    part = logs.logs.read(spec.jid, PLUGIN, len(WHOLE) - 1000, 1000)
    assert (part.data, part.end, part.complete) == (WHOLE[-1000:], len(WHOLE), True)
    if log_bytes > len(WHOLE):
        assert logs.read(spec) == WHOLE
    logs.compute.close()


def test_a_log_that_was_not_copied_at_the_end_is_copied_later(logs: Logs) -> None:
    logs.engine.fault = Unreachable("away")
    spec = logs.start(logs.compute.shell("echo late"))
    logs.end(spec)
    with pytest.raises(Unreachable):
        logs.logs.refresh(spec.jid, PLUGIN)
    assert not logs.logs.read(spec.jid, PLUGIN, 0, 10).complete
    logs.engine.fault = None
    JobLogs(logs.context).tidy()  # of a service that was started since
    logs.wait_until_complete(spec)
    assert logs.read(spec) == b"late\n"


def test_while_the_engine_is_away_it_is_not_asked_for_each_of_many_logs(logs: Logs) -> None:
    logs.engine.fault = Unreachable("away")
    specs = [logs.start(logs.compute.shell("echo x")) for _ in range(8)]
    for spec in specs:
        logs.end(spec)
    ENDED.wait()
    later = JobLogs(logs.context)
    asked = logs.engine.asked
    for _ in range(5):
        later.tidy()
        ENDED.wait()
    assert logs.engine.asked <= asked + 3 + 1  # by two threads
    logs.engine.fault = None
    JobLogs(logs.context).tidy()
    for spec in specs:
        logs.wait_until_complete(spec)


def test_a_log_that_can_not_be_read_is_given_up_a_day_after_the_end(logs: Logs) -> None:
    logs.engine.fault = Unreachable("this log driver does not support reading")
    spec = logs.start(logs.compute.shell("echo x"))
    logs.end(spec)
    record = logs.record(spec)
    assert record.finished_at is not None
    copier = LogCopier(logs.context)
    with pytest.raises(Unreachable):
        copier.copy(record)
    copier.copy(replace(record, finished_at=record.finished_at - timedelta(days=2)))
    assert logs.is_complete(spec)
    assert logs.read(spec) == b"x\n"  # from the record


def test_of_a_job_that_was_removed_from_its_engine_before_what_its_record_has_is_kept(logs: Logs) -> None:
    logs.engine.fault = Unreachable("away")
    spec = logs.start(logs.compute.shell("echo short"))
    logs.end(spec)
    logs.engine.remove(spec.name)
    logs.engine.fault = None
    logs.logs.refresh(spec.jid, PLUGIN)
    assert logs.read(spec) == b"short\n"
    assert logs.is_complete(spec)


def test_a_log_is_deleted_with_its_job(logs: Logs) -> None:
    spec = logs.start(logs.compute.shell("echo x"))
    logs.end(spec)
    logs.wait_until_complete(spec)
    assert copies(logs)
    assert Remover(logs.context).remove(logs.record(spec), with_data=True)
    assert not copies(logs)
    with pytest.raises(Absent):
        logs.logs.read(spec.jid, PLUGIN, 0, 10)
    assert not LogCopier(logs.context).copy(replace(logs.record(spec), phase=Phase.SCHEDULED))  # that was slower
    assert not copies(logs)


def test_on_a_full_disk_jobs_end_and_their_logs_are_copied_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk", "tmpfs", 16) as disk:
        logs = Logs(StoreBase(disk.path), tmp_path)
        spec = logs.start(logs.compute.shell(f"{LINES}; sleep 1"))
        assert logs.record(spec).phase is Phase.SCHEDULED
        logs.compute.wait(spec.name)
        disk.fill()
        logs.end(spec)
        with pytest.raises(StorageFull):
            logs.logs.refresh(spec.jid, PLUGIN)
        assert not logs.logs.read(spec.jid, PLUGIN, 0, 10).complete
        disk.empty()
        logs.logs.refresh(spec.jid, PLUGIN)
        assert logs.read(spec) == WHOLE
        assert logs.is_complete(spec)
        logs.compute.close()
    assert sum("can't be copied" in line for line in caplog.messages) <= 1


def test_a_log_that_could_not_be_noted_on_a_full_disk_is_noted_later(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "tmpfs", 16) as disk:
        logs = Logs(StoreBase(disk.path), tmp_path)
        spec = logs.start(logs.compute.shell("echo late; sleep 1"))
        logs.compute.wait(spec.name)
        (disk.path / ".pfcon" / "logs").mkdir()
        disk.fill()
        logs.end(spec)
        ENDED.wait()
        disk.empty()
        logs.logs.note_again()
        JobLogs(logs.context).tidy()
        logs.wait_until_complete(spec)
        assert logs.read(spec) == b"late\n"
        logs.compute.close()


def test_a_copy_without_a_note_is_noted_again(logs: Logs) -> None:
    logs.engine.fault = Unreachable("away")
    spec = logs.start(logs.compute.shell("echo x"))
    logs.end(spec)
    ENDED.wait()
    note = logs.context.storebase.private / "logs-unfinished" / spec.name
    note.unlink()
    with pytest.raises(Unreachable):
        logs.logs.refresh(spec.jid, PLUGIN)
    assert note.exists()


def test_the_log_of_an_engine_that_writes_files_is_read_where_it_is(storebase: StoreBase, tmp_path: Path) -> None:
    logs = Logs(storebase, tmp_path, in_place=True)
    spec = logs.start(logs.compute.shell("echo here; sleep 0.5"))
    assert eventually(lambda: logs.read(spec) == b"here\n")
    logs.logs.refresh(spec.jid, PLUGIN)
    assert not logs.is_complete(spec)
    logs.end(spec)
    assert logs.is_complete(spec)
    assert not copies(logs)
    logs.engine.remove(spec.name)
    assert logs.read(spec) == b"here\n"  # from its record
    assert logs.is_complete(spec)
