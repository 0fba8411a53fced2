"""Copies of logs that take long: requests and other logs do not wait for them; budgets; damaged states; no threads."""

import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support.copied_logs import Logs

from pfcon.api.log_ranges import whole_log
from pfcon.errors import Unreachable
from pfcon.files.locks import locked
from pfcon.jobs.logs import copied_log, copier, service
from pfcon.jobs.removal import Remover
from pfcon.models import JobKind, JobSpec
from pfcon.paths import StoreBase
from pfcon.testing.waiting import eventually

PLUGIN = JobKind.PLUGIN
WHOLE = b"".join(b"%d\n" % number for number in range(1, 400_001))  # 54 chunks of the engine
LINES = "seq 400000"


@pytest.fixture
def logs(storebase: StoreBase, tmp_path: Path) -> Iterator[Logs]:
    made = Logs(storebase, tmp_path)
    yield made
    made.engine.after_chunk = lambda _: None
    copier.ENDED.wait()
    copier.REST.wait()
    made.compute.close()


def ended(logs: Logs, script: str, *, copied: bool) -> JobSpec:
    """A job that has ended. copied: whether its log was copied then."""
    logs.engine.fault = None if copied else Unreachable("away")
    spec = logs.start(logs.compute.shell(script))
    logs.end(spec)
    copier.ENDED.wait()
    logs.engine.fault = None
    return spec


def has_output(logs: Logs, spec: JobSpec) -> bool:
    return bool(logs.engine.logs(spec.name, 1))


def test_a_request_copies_for_a_moment_and_sends_what_is_copied_meanwhile(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_UPDATE", 0.2)
    spec = ended(logs, LINES, copied=False)
    logs.engine.after_chunk = lambda _: time.sleep(0.1)
    record = logs.record(spec)
    assert logs.logs.update(record)
    assert not logs.is_complete(spec)
    assert b"".join(whole_log(logs.logs, record)) == WHOLE
    assert not logs.logs.update(record)


def test_an_answer_is_cut_off_where_the_rest_can_not_be_copied(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_UPDATE", 0.0)
    spec = ended(logs, LINES, copied=False)
    go = threading.Event()

    def fail_in_the_background(_: object) -> None:
        if threading.current_thread().name.startswith("rest of the log"):
            go.wait()
            raise Unreachable("away")

    logs.engine.after_chunk = fail_in_the_background
    record = logs.record(spec)
    assert logs.logs.update(record)
    answer = whole_log(logs.logs, record)
    assert WHOLE.startswith(next(answer))
    go.set()
    with pytest.raises(ConnectionAbortedError):
        list(answer)


def test_who_waits_for_another_process_waits_as_long_as_that_gets_on(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copier, "LONG_PATIENCE", 0.5)
    monkeypatch.setattr(copied_log, "SAVED", 1)
    spec = ended(logs, LINES, copied=False)
    record, asked = logs.record(spec), logs.engine.asked
    other = Logs(logs.context.storebase, logs.database)
    other.engine.after_chunk = lambda _: time.sleep(0.05)  # 2.7 s for all
    thread = threading.Thread(target=lambda: other.logs.refresh(spec.jid, PLUGIN))
    thread.start()
    assert eventually(lambda: other.engine.asked > 0)
    assert logs.logs.update(record)
    assert b"".join(whole_log(logs.logs, record)) == WHOLE
    assert logs.engine.asked == asked
    thread.join()


def test_a_short_log_is_copied_before_the_rest_of_long_ones(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copier, "SLICE", 0.1)
    go = threading.Event()

    def wait_after_the_first_slice(_: object) -> None:
        if threading.current_thread().name.startswith("rest of the log"):
            go.wait()
        time.sleep(0.02)

    logs.engine.after_chunk = wait_after_the_first_slice
    specs = [logs.start(logs.compute.shell(script)) for script in (LINES, LINES, "echo short")]
    for spec in specs:
        logs.end(spec)
    try:
        logs.wait_until_complete(specs[2])
        assert not any(logs.is_complete(spec) for spec in specs[:2])
    finally:
        go.set()
    for spec in specs:
        logs.wait_until_complete(spec)
    assert logs.read(specs[0]) == WHOLE


def test_a_complete_copy_waits_for_nobody(logs: Logs) -> None:
    spec = ended(logs, "echo one", copied=True)
    directory = logs.context.log_store.directory(logs.record(spec))
    with locked(directory / "lock") as ours:
        assert ours
        assert not logs.logs.update(logs.record(spec))


def test_one_answer_has_the_log_of_one_attempt(logs: Logs) -> None:
    spec = ended(logs, LINES, copied=True)
    answer = whole_log(logs.logs, logs.record(spec))
    assert next(answer)
    assert Remover(logs.context).remove(logs.record(spec), with_data=False)
    logs.start(spec)
    logs.end(spec)
    logs.wait_until_complete(spec)
    with pytest.raises(ConnectionAbortedError):
        list(answer)


def test_the_first_copy_of_a_log_waits_for_no_budget(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copier, "_BURST", 1.0)
    monkeypatch.setattr(copier, "FRESH", 0.0)
    monkeypatch.setattr(logs.engine, "log_copies_per_minute", 1e-6)
    script = 'echo one; until [ -e "$1/go" ]; do sleep 0.05; done'
    specs = [logs.start(logs.compute.shell(script)) for _ in range(3)]
    for spec in specs:
        assert eventually(partial(has_output, logs, spec))
        logs.logs.refresh(spec.jid, PLUGIN)
        assert logs.read(spec) == b"one\n"
    asked = logs.engine.asked
    logs.logs.refresh(specs[0].jid, PLUGIN)
    assert logs.engine.asked == asked
    for spec in specs:
        logs.compute.outgoing(spec).joinpath("go").touch()
        logs.end(spec)


@pytest.mark.parametrize("state", [b"", b"\0" * 40, b"[]", b'{"cursor": 1, "total": "x", "complete": true}'])
def test_a_damaged_state_loses_nothing_of_a_copy(logs: Logs, state: bytes) -> None:
    gone, there = ended(logs, LINES, copied=True), ended(logs, LINES, copied=True)
    for spec in (gone, there):
        logs.context.log_store.directory(logs.record(spec)).joinpath("state.json").write_bytes(state)
        assert logs.read(spec) == WHOLE
    logs.engine.remove(gone.name)
    for spec in (gone, there):
        logs.logs.refresh(spec.jid, PLUGIN)
        assert logs.is_complete(spec)
        assert logs.read(spec) == WHOLE  # from the engine once more, or as it is kept


def test_a_state_of_a_later_release_is_read(logs: Logs) -> None:
    spec = ended(logs, "echo one", copied=True)
    path = logs.context.log_store.directory(logs.record(spec)) / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "later": 1}))
    assert logs.is_complete(spec)


def test_without_a_thread_a_log_is_copied_later(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ended(logs, "echo one", copied=False)

    def fail(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        logs.logs.tidy()
        for _ in range(2):
            with pytest.raises(Unreachable), logs.logs.following(spec.jid, PLUGIN):
                pass
    logs.logs.tidy()
    logs.wait_until_complete(spec)
    with logs.logs.following(spec.jid, PLUGIN) as job:
        assert job.record is not None
