"""The completion of pfcon's words, in the shells themselves."""

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from pfcon.__main__ import main
from pfcon.testing.waiting import PATIENCE

STATUSES = {"notStarted", "started", "finishedSuccessfully", "finishedWithError", "undefined"}
# Prints what is offered after some words, of which the last one is the beginning of a word.
ASK = """
eval "$SCRIPT"
COMP_WORDS=(pfcon "$@")
COMP_CWORD=$#
_pfcon
printf '%s\\n' "${COMPREPLY[@]}"
"""
OPTIONS = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"]}
TO_START = "\x01"  # Ctrl-A: to the beginning of the line


def script_of(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.fixture
def script(capsys: pytest.CaptureFixture[str]) -> str:
    """The script of bash."""
    return script_of("bash", capsys)


def offered(script: str, *words: str, cwd: Path | None = None) -> set[str]:
    """What bash offers for these words after ``pfcon``, of which the last one is not finished."""
    done = subprocess.run(
        ["bash", *OPTIONS["bash"], "-u", "-c", ASK, "bash", *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
        env={"SCRIPT": script, "PATH": "/usr/bin:/bin"},
        cwd=cwd,
    )
    assert not done.stderr
    return set(done.stdout.split("\n")) - {""}


class Typist:
    """An interactive shell on a terminal of its own, and what it has written there."""

    def __init__(self, shell: str, home: Path) -> None:
        self.master, terminal = pty.openpty()
        environ = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "PS1": "$ "}
        self.process = subprocess.Popen(
            [shell, *OPTIONS[shell], "-i"],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=environ,
            cwd=home,
            start_new_session=True,
        )
        os.close(terminal)
        self.text = ""

    def type(self, keys: str, until: str) -> str:
        """Press keys, and wait until the terminal shows a text; what it shows from these keys on."""
        begin = len(self.text)
        os.write(self.master, keys.encode())
        deadline = time.monotonic() + PATIENCE
        while until not in self.text[begin:]:
            assert time.monotonic() < deadline, self.text
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 4096).decode(errors="replace")
        return self.text[begin:]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("pfcon comp\t", "pfcon completion"),
        ("pfcon jobs --sta\t", "pfcon jobs --status"),
        ("pfcon jobs --status unde\t", "pfcon jobs --status undefined"),
        ("pfcon jobs --status started,unde\t", "pfcon jobs --status started,undefined"),
    ],
)
def test_a_tab_completes_a_word(
    shell: str, keys: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script_of(shell, capsys))
    typist = Typist(shell, tmp_path)
    try:
        typist.type(". ./script; echo re''ady\n", "ready")
        typist.type(keys, line)
        typist.type(f"{TO_START}echo 'typed' \n", f"typed {line}")
    finally:
        typist.close()


def test_commands_are_offered(script: str) -> None:
    assert {"jobs", "run", "completion", "--help"} <= offered(script, "")
    assert offered(script, "r") == {"ready", "records", "rm", "run"}


def test_commands_of_a_command_are_offered(script: str) -> None:
    assert {"list", "expire"} <= offered(script, "records", "")
    assert "--older-than" in offered(script, "records", "expire", "--")
    assert offered(script, "completion", "") >= {"bash", "zsh"}


def test_options_and_their_values_are_offered(script: str) -> None:
    assert offered(script, "jobs", "--s") == {"--status", "--since"}
    assert offered(script, "jobs", "--status", "") == STATUSES
    assert offered(script, "records", "list", "--status", "rem") == {"removed"}
    assert offered(script, "jobs", "--owner", "") == set()


def test_each_of_several_values_is_offered(script: str) -> None:
    assert offered(script, "jobs", "--status", "started,n") == {"started,notStarted"}
    assert offered(script, "jobs", "--status", "started,") == {f"started,{status}" for status in STATUSES}
    assert offered(script, "jobs", "--kind", "copy,upload,d") == {"copy,upload,delete"}


def test_words_of_the_jobs_command_are_left_alone(script: str) -> None:
    assert offered(script, "run", "image", "--", "") == set()


def test_directories_are_offered_with_blanks_in_their_names(script: str, tmp_path: Path) -> None:
    (tmp_path / "my inputs").mkdir()
    (tmp_path / "my file").touch()
    assert offered(script, "run", "image", "--inputs", "my", cwd=tmp_path) == {"my inputs"}
