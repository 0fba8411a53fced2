"""``pfcon run`` that is ended early, or fails: what becomes of its job, and what the user is told about it."""

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.client_shell import PLUGIN, Shell, is_recorded, read_until
from support.http_relay import HttpRelay, Request
from support.live import COPY_ALL, Api, LiveServer, new_jid

from pfcon.testing.waiting import PATIENCE

# What the last update of a record's status is turned into, as if the engine did not know how the job has ended.
LOST_END = """
CREATE TRIGGER lost_{0} AFTER UPDATE ON jobs WHEN NEW.jid = '{1}' AND NEW.phase = 'final' AND NEW.status <> 'undefined'
BEGIN UPDATE jobs SET status = 'undefined', message = 'the engine has lost it' WHERE jid = NEW.jid; END
"""


class Gate(HttpRelay):
    """A relay in front of the service that holds the first request that begins with a method and has a text."""

    def __init__(self, port: int, method: str, containing: str) -> None:
        super().__init__(port)
        self.method, self.containing = method, containing
        self.reached, self.open = threading.Event(), threading.Event()
        self.on_request = self._hold

    def _hold(self, request: Request) -> bool:
        if request.method == self.method and self.containing in request.path and not self.reached.is_set():
            self.reached.set()
            self.open.wait(PATIENCE)
            return False  # never passed on
        return True


@contextmanager
def end_is_lost(server: LiveServer, jid: str) -> Iterator[None]:
    """A job's end becomes ``undefined`` in the records."""
    name = jid.replace("-", "_")
    with closing(sqlite3.connect(server.storebase / ".pfcon" / "records" / "records.db", timeout=PATIENCE)) as records:
        records.execute(LOST_END.format(name, jid))
        try:
            yield
        finally:
            records.execute(f"DROP TRIGGER lost_{name}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_the_job(shell: Shell, api: Api, inputs: Path, tmp_path: Path, number: signal.Signals) -> None:
    jid = new_jid()
    words = ("--keep", "--jid", jid, "--inputs", str(inputs), "--outputs", str(tmp_path / "out"))
    with shell.start("run", "any", *words, *PLUGIN, "echo begin; sleep 300") as process:
        read_until(process, "begin")
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    assert "cancelled" in err
    assert api.get(f"jobs/{jid}/").json()["compute"]["reason"] == "Cancelled"
    api.delete(f"jobs/{jid}/")


def test_a_signal_that_is_ignored_as_by_nohup_leaves_the_job_alone(shell: Shell, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = f'echo begin; until [ -e "{go}" ]; do sleep 0.1; done; echo end'
    words = ("--outputs", str(tmp_path / "out"), *PLUGIN, script)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the command inherits that
    try:
        process = shell.start("run", "any", *words)
    finally:
        signal.signal(signal.SIGHUP, before)
    with process:
        read_until(process, "begin")
        process.send_signal(signal.SIGHUP)
        go.touch()
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "end\n"), err


def test_a_job_that_was_cancelled_by_a_signal_is_removed(shell: Shell, api: Api, tmp_path: Path) -> None:
    jid = new_jid()
    words = ("--jid", jid, "--outputs", str(tmp_path / "out"))
    with shell.start("run", "any", *words, *PLUGIN, "echo a; sleep 300") as run:
        read_until(run, "a")
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=PATIENCE)
    assert run.returncode == 130
    assert not is_recorded(api, jid)


@pytest.mark.parametrize(
    ("held", "script"),
    [
        (("GET", "/logs/"), COPY_ALL),  # it has ended, and the command does not know that yet
        (("GET", "/logs/"), COPY_ALL + "; exit 3"),
        (("GET", "/file/"), COPY_ALL),
        (("DELETE", "/jobs/"), COPY_ALL),
    ],
)
def test_a_job_that_has_ended_is_kept_by_a_signal(
    server: LiveServer, api: Api, inputs: Path, held: tuple[str, str], script: str
) -> None:
    jid, out = new_jid(), inputs.parent / "out"
    words = ("--jid", jid, "--inputs", str(inputs), "--outputs", str(out), *PLUGIN, script)
    gate = Gate(server.port, *held)
    with gate:
        shell = Shell(f"http://127.0.0.1:{gate.port}")
        with shell.start("run", "any", *words) as process:
            assert gate.reached.wait(PATIENCE)
            api.wait(jid)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
        gate.open.set()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert f"pfcon rm {jid}" in err
    assert sorted(api.unzip(jid)) == ["a.txt", "sub/größe.txt"]
    if "DELETE" in held:
        assert f"job {jid} may be left on the service" in err
        assert sorted(os.listdir(out)) == ["a.txt", "sub"]
    else:
        address = f"{shell.environ['PFCON_URL']}/api/v1/jobs/{jid}/file/"
        assert f"job {jid} is kept; its outputs are a zip at {address}" in err
    api.delete(f"jobs/{jid}/")


def test_a_job_is_kept_if_it_is_not_known_how_it_ended(
    shell: Shell, api: Api, server: LiveServer, inputs: Path, tmp_path: Path
) -> None:
    jid, out = new_jid(), tmp_path / "out"
    with end_is_lost(server, jid):
        words = ("--jid", jid, "--inputs", str(inputs), "--outputs", str(out))
        done = shell("run", "any", *words, *PLUGIN, COPY_ALL)
    assert done.returncode == 1, done.stderr
    assert "undefined: the engine has lost it" in done.stderr
    assert f"job {jid} is kept: it is not known how it ended" in done.stderr
    assert sorted(os.listdir(out)) == ["a.txt", "sub"]
    assert is_recorded(api, jid)
    api.delete(f"jobs/{jid}/")


def test_a_refusal_while_the_job_runs_says_how_to_find_the_job(tmp_path: Path) -> None:
    """Here the password is another one since a restart."""
    storebase = tmp_path / "storeBase"
    storebase.mkdir()
    jid = new_jid()
    with LiveServer(storebase) as live:
        words = ("--jid", jid, "--outputs", str(tmp_path / "out"), *PLUGIN, "echo begin; sleep 300")
        with Shell(live.url).start("run", "any", *words) as process:
            read_until(process, "begin")
            live.kill()
            live.environ |= {"PFCON_PASSWORD": "another-1234", "SECRET_KEY": "another-key-of-enough-length-1234567890"}
            live.start()
            _, err = process.communicate(timeout=PATIENCE)
        Api(live.url, "another-1234").delete(f"jobs/{jid}/")
    assert process.returncode == 1
    assert "refuses the login" in err
    assert f"job {jid} may still run" in err
    assert f"pfcon cancel {jid}" in err


def test_a_job_that_was_removed_meanwhile_is_told_once(shell: Shell, api: Api, tmp_path: Path) -> None:
    jid = new_jid()
    words = ("--jid", jid, "--outputs", str(tmp_path / "out"), *PLUGIN, "echo begin; sleep 300")
    with shell.start("run", "any", *words) as process:
        read_until(process, "begin")
        api.delete(f"jobs/{jid}/")
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.splitlines()[-1] == f"pfcon: job {jid}: removed: the job was removed"
    assert err.count("removed: the job") == 1
