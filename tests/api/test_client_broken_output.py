"""The commands when their output can't be written: its reader has gone, the disk is full, it was closed before."""

import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.client_shell import PLUGIN, ZIP, Shell, is_recorded
from support.live import COPY_ALL, Api, new_jid

from pfcon.testing.waiting import PATIENCE

ENDLESS = "while true; do echo more; sleep 0.2; done"
SILENT = "sleep 300"
FULL = "standard output can't be written to: No space left on device"
COMMANDS = [
    ("jobs",),
    ("jobs", "--json"),
    ("show", "{jid}"),
    ("logs", "{jid}"),
    ("logs", "-f", "{jid}"),
    ("cancel", "{jid}"),
    ("top",),
    ("completion", "bash"),
]


def words_of(command: tuple[str, ...], jid: str) -> tuple[str, ...]:
    return tuple(word.replace("{jid}", jid) for word in command)


def shown_on_terminal(shell: Shell, *words: str) -> str:
    """What a command writes to a terminal that is its standard output."""
    master, terminal = pty.openpty()
    shown = b""
    with shell.start(*words, stdout=terminal) as process:
        os.close(terminal)
        try:
            while piece := os.read(master, 65536):
                shown += piece
        except OSError:  # all writers have ended
            pass
        process.communicate(timeout=PATIENCE)
    os.close(master)
    return shown.decode()


def ended_job(api: Api, script: str, **fields: Any) -> str:
    jid = new_jid()
    assert api.submit(jid, script, ZIP, **fields).status_code == 201
    api.wait(jid)
    return jid


@pytest.mark.parametrize(
    ("options", "stderr"),
    [
        ((*PLUGIN, ENDLESS), subprocess.PIPE),
        ((*PLUGIN, ENDLESS), subprocess.STDOUT),
        ((*PLUGIN, SILENT), subprocess.STDOUT),
        (("--json", *PLUGIN, SILENT), subprocess.STDOUT),
    ],
)
def test_a_job_whose_output_nobody_reads_any_more_is_cancelled(
    shell: Shell, api: Api, tmp_path: Path, options: tuple[str, ...], stderr: int
) -> None:
    """As in ``pfcon run ... | head -1`` and ``pfcon run ... 2>&1 | head -1``."""
    jid = new_jid()
    words = ("--keep", "--jid", jid, "--outputs", str(tmp_path / "out"), *options)
    read, write = os.pipe()
    with shell.start("run", "any", *words, stdout=write, stderr=stderr) as process:
        os.close(write)
        os.read(read, 4)
        os.close(read)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGPIPE
    assert "Traceback" not in (err or "")
    assert api.get(f"jobs/{jid}/").json()["compute"]["reason"] == "Cancelled"
    api.delete(f"jobs/{jid}/")


def test_a_job_whose_log_can_not_be_written_is_cancelled(shell: Shell, api: Api, tmp_path: Path) -> None:
    jid = new_jid()
    words = ("--keep", "--jid", jid, "--outputs", str(tmp_path / "out"), *PLUGIN, ENDLESS)
    done = shell("run", "any", *words, redirect=">/dev/full")
    assert done.returncode == 1
    assert FULL in done.stderr
    assert api.get(f"jobs/{jid}/").json()["compute"]["reason"] == "Cancelled"
    api.delete(f"jobs/{jid}/")


@pytest.mark.parametrize("redirect", ["2>/dev/full", "2>&-", ">&-"])
def test_a_job_goes_on_without_messages_and_without_a_log_that_nobody_wants(
    shell: Shell, api: Api, inputs: Path, tmp_path: Path, redirect: str
) -> None:
    jid, out = new_jid(), tmp_path / "out"
    words = ("--jid", jid, "--inputs", str(inputs), "--outputs", str(out), *PLUGIN, COPY_ALL)
    done = shell("run", "any", *words, redirect=redirect)
    assert (done.returncode, done.stdout) == (0, "" if redirect == ">&-" else "copied\n")
    assert sorted(os.listdir(out)) == ["a.txt", "sub"]
    assert not is_recorded(api, jid)


def test_what_the_output_can_not_encode_is_escaped(shell: Shell, tmp_path: Path) -> None:
    shell.environ["PYTHONIOENCODING"] = "latin-1"
    words = ("--outputs", str(tmp_path / "out"), *PLUGIN, r"printf 'a \342\206\222 b\n'")
    done = shell("run", "any", *words)
    assert (done.returncode, done.stdout) == (0, "a \\u2192 b\n"), done.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("redirect", [">/dev/full", ">&-", "2>&-", "| head -c 0"])
def test_a_command_whose_output_can_not_be_written_ends_in_order(
    shell: Shell, ended: str, command: tuple[str, ...], redirect: str
) -> None:
    done = shell(*words_of(command, ended), redirect=redirect)
    if redirect == ">/dev/full":
        assert (done.returncode, FULL in done.stderr) == (1, True)
    else:
        assert done.returncode == 0
        assert "Exception" not in done.stderr


def test_a_reader_that_goes_away_is_no_fault(shell: Shell, ended: str) -> None:
    read, write = os.pipe()
    os.close(read)
    with shell.start("jobs", stdout=write) as process:
        os.close(write)
        _, err = process.communicate(timeout=PATIENCE)
    assert err == ""


def test_colours_of_a_log_are_for_terminals_and_end_with_their_line(shell: Shell, api: Api) -> None:
    jid = ended_job(api, r"printf '\033[8mhidden\n\033[31mred\033[0m\nplain\n\033]0;title\007\n'")
    for words in (("logs", jid), ("logs", "-f", jid)):
        assert shell(*words).stdout.split("\n")[:4] == ["hidden", "red", "plain", r"\x1b]0;title\x07"]
        shown = shown_on_terminal(shell, *words).split("\r\n")
        assert shown[:3] == ["\x1b[8mhidden\x1b[0m", "\x1b[31mred\x1b[0m", "plain"]
    api.delete(f"jobs/{jid}/")


def test_a_job_can_not_write_to_a_terminal_through_its_command_or_its_owner(shell: Shell, api: Api) -> None:
    jid = ended_job(api, "true # \x1b[8m\r\x1b[2J", auid="ann\x1b[31m\ra")
    for words in (("show", jid), ("jobs",), ("cancel", jid)):
        shown = shown_on_terminal(shell, *words).replace("\r\n", "\n")
        assert jid in shown
        assert "\x1b" not in shown
        assert "\r" not in shown
    api.delete(f"jobs/{jid}/")
