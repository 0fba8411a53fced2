"""``pfcon run``, as users type it, against a live service on the process engine."""

import os
import pty
import re
from pathlib import Path

import pytest
from support.client_shell import PLUGIN, Shell, is_recorded
from support.live import COPY_ALL, Api, LiveServer, new_jid

from pfcon.archive.contents import RATIO_FROM
from pfcon.testing.waiting import PATIENCE


def test_run_saves_the_outputs_and_removes_the_job(shell: Shell, api: Api, inputs: Path, tmp_path: Path) -> None:
    out, jid = tmp_path / "new" / "out", new_jid()
    words = ("--inputs", str(inputs), "--outputs", str(out), "--jid", jid, "--env", "SAID=hello = you")
    done = shell("run", "any", *words, *PLUGIN, 'echo "$SAID"; ' + COPY_ALL)
    assert (done.returncode, done.stdout) == (0, "hello = you\ncopied\n"), done.stderr
    saved = {str(path.relative_to(out)): path.read_text() for path in out.rglob("*") if path.is_file()}
    assert saved == {"a.txt": "alpha", "sub/größe.txt": "beta"}
    assert "2 output files, 9 bytes" in done.stderr
    assert "\x1b" not in done.stderr
    assert not is_recorded(api, jid)


def test_run_exits_with_the_code_of_the_job_and_saves_its_outputs(shell: Shell, inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = 'echo seen; echo part > "$1/part"; exit 3'
    done = shell("run", "any", "-q", "--inputs", str(inputs), "--outputs", str(out), *PLUGIN, script)
    assert (done.returncode, done.stdout) == (3, "seen\n")
    assert "exit code 3" in done.stderr
    assert (out / "part").read_text() == "part\n"


def test_run_without_inputs_is_a_job_that_gets_the_directory_of_outputs_only(shell: Shell, tmp_path: Path) -> None:
    done = shell("run", "any", "-q", "--outputs", str(tmp_path / "out"), *PLUGIN, 'echo "$#"; echo x > "$0/x"')
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
    assert (tmp_path / "out" / "x").read_text() == "x\n"


def test_run_tells_its_result_as_json(shell: Shell, api: Api, inputs: Path, tmp_path: Path) -> None:
    words = ("--keep", "--inputs", str(inputs), "--outputs", str(tmp_path / "out"), "--owner", "nina")
    (told,) = shell.json("run", "any", *words, *PLUGIN, COPY_ALL)
    assert (told["status"], told["exit_code"], told["kept"]) == ("finishedSuccessfully", 0, True)
    assert told["outputs"] == {"directory": str(tmp_path / "out"), "files": 2, "bytes": 9}
    assert api.get(f"records/{told['jid']}/").json()["records"][0]["owner"] == "nina"
    api.delete(f"jobs/{told['jid']}/")


def test_run_shows_a_progress_bar_on_a_terminal(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "large").write_bytes(os.urandom(4 << 20))
    master, terminal = pty.openpty()
    words = ("--inputs", str(tmp_path / "in"), "--outputs", str(tmp_path / "out"), *PLUGIN, "true")
    with shell.start("run", "any", *words, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        while b"output files" not in shown:
            shown += os.read(master, 65536)
        process.communicate(timeout=PATIENCE)
    os.close(master)
    assert process.returncode == 0
    assert re.search(rb"sending inputs \[[#.]+\] +\d+% of 4.0 MiB", shown)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "any", "--outputs", "{tmp}/out"), "give it after --"),
        (("run", "any", "--outputs", "{tmp}", "--", "true"), "is not empty"),
        (("run", "any", "--inputs", "{tmp}/absent", "--outputs", "{tmp}/out", "--", "true"), "is no directory"),
        (("run", "any", "--", "true"), "--outputs"),
        (("run", "any", "--outputs", "", "--", "true"), "must not be empty"),
        (("run", "any", "--inputs", "", "--outputs", "{tmp}/out", "--", "true"), "must not be empty"),
        (("run", "any", "--outputs", "{tmp}/out", "--env", "x", "--", "true"), "NAME=VALUE"),
        (("jobs", "--status", "done"), "must be of notStarted"),
        (("jobs", "--limit", "3000000000"), "from 1 to 2147483647"),
        (("jobs", "--since", "yesterday"), "must be a time in ISO 8601"),
        (("jobs", "--until", ""), "must be a time in ISO 8601"),
        (("show", "a/../b"), "must be letters"),
    ],
)
def test_words_that_can_not_be_used_are_told(shell: Shell, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    (tmp_path / "file").touch()
    done = shell(*(word.replace("{tmp}", str(tmp_path)) for word in words))
    assert done.returncode == 2
    assert told in done.stderr


def test_inputs_above_the_limit_of_the_service_are_refused_with_the_limit(shell: Shell, tmp_path: Path) -> None:
    """The service says so, and closes the connection, while the client is still sending."""
    (tmp_path / "in").mkdir()
    with (tmp_path / "in" / "large").open("wb") as file:
        for _ in range(60):
            file.write(os.urandom(1 << 20))
    words = ("--inputs", str(tmp_path / "in"), "--outputs", str(tmp_path / "out"), "--", "true")
    done = shell("run", "any", *words)
    assert done.returncode == 1
    assert "PFCON_MAX_UPLOAD_BYTES" in done.stderr


def test_inputs_that_shrink_too_much_for_the_service_are_sent_as_they_are(tmp_path: Path) -> None:
    """As masks, which are nearly all zeros: their zip looks like a bomb, but the user has no zip to change."""
    for name in ("in", "storeBase"):
        (tmp_path / name).mkdir()
    with (tmp_path / "in" / "mask.nii").open("wb") as file:
        file.truncate(RATIO_FROM + (1 << 20))
    words = ("--inputs", str(tmp_path / "in"), "--outputs", str(tmp_path / "out"), *PLUGIN, 'stat -c %s "$0/mask.nii"')
    with LiveServer(tmp_path / "storeBase", {"PFCON_MAX_UPLOAD_BYTES": "1 GiB"}) as server:
        done = Shell(server.url.removesuffix("api/v1/"))("run", "any", *words)
    assert (done.returncode, done.stdout) == (0, f"{RATIO_FROM + (1 << 20)}\n"), done.stderr
    assert done.stderr.count("sending it uncompressed") == 1


def test_a_jid_in_use_is_refused_and_its_job_is_left_alone(shell: Shell, tmp_path: Path, running: str) -> None:
    done = shell("run", "any", "--jid", running, "--outputs", str(tmp_path / "out"), "--", "true")
    assert done.returncode == 2
    assert "there is a job with this id" in done.stderr
    assert shell.json("show", running)[0]["records"][0]["status"] == "started"


def test_a_command_that_does_not_exist_fails_the_job(shell: Shell, api: Api, tmp_path: Path) -> None:
    jid = new_jid()
    done = shell("run", "any", "--jid", jid, "--outputs", str(tmp_path / "out"), "--", "no-such-command")
    assert done.returncode != 0
    assert "no-such-command" in done.stderr
    assert not is_recorded(api, jid)


def test_links_of_the_inputs_are_left_out_and_told(shell: Shell, inputs: Path, tmp_path: Path) -> None:
    (inputs / "link").symlink_to("/etc/passwd")
    out = tmp_path / "out"
    done = shell("run", "any", "--inputs", str(inputs), "--outputs", str(out), *PLUGIN, COPY_ALL)
    assert f"1 links of the inputs are left out, such as {inputs}/link" in done.stderr
    assert sorted(os.listdir(out)) == ["a.txt", "sub"]


def test_a_job_that_the_service_refuses_is_told(shell: Shell, tmp_path: Path) -> None:
    done = shell("run", "any", "--time-limit", "600", "--outputs", str(tmp_path / "out"), "--", "true")
    assert done.returncode == 1
    assert "time_limit: must be an integer from 1 to 60 minutes" in done.stderr
    assert "may still run" not in done.stderr
