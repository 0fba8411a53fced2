"""The commands for a service's users, as they type them, against a live service on the process engine."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.live import COPY_ALL, PASSWORD, USER, Api, LiveServer, make_zip, new_jid
from support.ports import free_port

import pfcon
from pfcon.testing.waiting import PATIENCE, eventually

ZIP = make_zip({"a.txt": "alpha"})
PLUGIN = ["--", "sh", "-c"]
OTHER_IMAGE = "local/client-commands:1"


class Shell:
    """Types commands for one service, with nothing else in the environment."""

    def __init__(self, url: str, **environ: str) -> None:
        source = str(Path(pfcon.__file__).parents[1])
        login = {"PFCON_URL": url, "PFCON_USER": USER, "PFCON_PASSWORD": PASSWORD}
        self.environ = {"PYTHONPATH": source, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **login, **environ}

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command whose output is read as it comes."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([sys.executable, "-m", "pfcon", *words], env=self.environ, text=True, **streams)

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        with self.start(*words) as process:
            out, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def json(self, *words: str) -> list[Any]:
        """The documents of a command that succeeds."""
        done = self(words[0], "--json", *words[1:])
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def shell(server: LiveServer) -> Shell:
    """A user of the service, who gives its address without the path of the interface."""
    return Shell(f"http://127.0.0.1:{server.port}")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A directory with files."""
    directory = tmp_path / "in"
    (directory / "sub").mkdir(parents=True)
    (directory / "a.txt").write_text("alpha")
    (directory / "sub" / "größe.txt").write_text("beta")
    return directory


@pytest.fixture
def ended(api: Api) -> Iterator[str]:
    """A job that has failed with code 4."""
    jid = new_jid()
    assert api.submit(jid, "echo one; echo two; exit 4", ZIP, image=OTHER_IMAGE, auid="nina").status_code == 201
    api.wait(jid)
    yield jid
    api.delete(f"jobs/{jid}/")


@pytest.fixture
def running(api: Api) -> Iterator[str]:
    """A job that runs."""
    jid = new_jid()
    assert api.submit(jid, "echo begin; sleep 300", ZIP).status_code == 201
    assert eventually(lambda: api.get(f"jobs/{jid}/").json()["compute"]["status"] == "started")
    yield jid
    api.delete(f"jobs/{jid}/")


def read_until(process: subprocess.Popen[str], line: str) -> None:
    """Read the output of a command up to that line."""
    assert process.stdout is not None
    for found in process.stdout:
        if found.rstrip("\n") == line:
            return
    raise AssertionError(f"{line!r} has not come")


def is_recorded(api: Api, jid: str) -> bool:
    return api.get(f"records/{jid}/").status_code == 200


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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


def test_a_job_that_was_cancelled_by_a_signal_is_removed(shell: Shell, api: Api, tmp_path: Path) -> None:
    jid = new_jid()
    with shell.start(
        "run", "any", "--jid", jid, "--outputs", str(tmp_path / "out"), *PLUGIN, "echo a; sleep 300"
    ) as run:
        read_until(run, "a")
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=PATIENCE)
    assert run.returncode == 130
    assert not is_recorded(api, jid)


def test_a_job_whose_log_nobody_reads_any_more_is_cancelled(shell: Shell, api: Api, tmp_path: Path) -> None:
    jid = new_jid()
    script = "while true; do echo more; sleep 0.2; done"
    read, write = os.pipe()
    words = ("--keep", "--jid", jid, "--outputs", str(tmp_path / "out"), *PLUGIN, script)
    with shell.start("run", "any", *words, stdout=write) as process:
        os.close(write)
        os.read(read, 4)
        os.close(read)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGPIPE
    assert "Traceback" not in err
    assert api.get(f"jobs/{jid}/").json()["compute"]["reason"] == "Cancelled"
    api.delete(f"jobs/{jid}/")


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
        (("run", "any", "--outputs", "{tmp}/out", "--env", "x", "--", "true"), "NAME=VALUE"),
        (("jobs", "--status", "done"), "must be of notStarted"),
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


def test_jobs_are_listed_newest_first(shell: Shell, api: Api, ended: str, running: str) -> None:
    lines = shell("jobs").stdout.splitlines()
    assert lines[0].split()[:3] == ["JID", "STATUS", "CREATED"]
    jids = [line.split()[0] for line in lines[1:]]
    assert jids.index(running) < jids.index(ended)
    assert [record["jid"] for record in shell.json("jobs", "--image", OTHER_IMAGE, "--owner", "nina")] == [ended]
    assert running in [record["jid"] for record in shell.json("jobs", "--status", "notStarted,started", "--all")]
    assert ended not in [record["jid"] for record in shell.json("jobs", "--status", "started")]
    assert len(shell.json("jobs", "--limit", "1")) == 1


def test_a_wrong_time_is_refused_by_the_service(shell: Shell) -> None:
    done = shell("jobs", "--since", "yesterday")
    assert done.returncode == 1
    assert "since" in done.stderr


def test_a_reader_that_goes_away_is_no_fault(shell: Shell, ended: str) -> None:
    read, write = os.pipe()
    os.close(read)
    with shell.start("jobs", stdout=write) as process:
        os.close(write)
        _, err = process.communicate(timeout=PATIENCE)
    assert err == ""


def test_a_job_is_shown(shell: Shell, ended: str) -> None:
    text = shell("show", ended).stdout
    assert text.startswith(f"{ended}: finishedWithError: the program failed with exit code 4\n")
    for line in (f"image +{OTHER_IMAGE}", "owner +nina", "exit code +4", "reason +ExitCode", "command +sh -c"):
        assert re.search(f"^  {line}", text, re.MULTILINE), line
    (told,) = shell.json("show", ended)
    assert told["records"][0]["exit_code"] == 4


def test_the_log_of_an_ended_job_is_printed(shell: Shell, ended: str) -> None:
    assert shell("logs", ended).stdout == "one\ntwo\npfcon: the program failed with exit code 4\n"
    done = shell("logs", "-f", ended)
    assert (done.returncode, done.stdout) == (0, "one\ntwo\n")
    assert "exit code 4" in done.stderr
    *lines, end = shell.json("logs", "-f", ended)
    assert lines == [{"line": "one"}, {"line": "two"}]
    assert (end["status"], end["exit_code"]) == ("finishedWithError", 4)


def test_a_log_is_followed_as_it_grows_also_over_a_restart_of_the_service(tmp_path: Path) -> None:
    storebase = tmp_path / "storeBase"
    storebase.mkdir()
    with LiveServer(storebase) as live:
        jid, go = new_jid(), tmp_path / "go"
        script = f'echo begin; until [ -e "{go}" ]; do sleep 0.1; done; echo end'
        assert Api(live.url).submit(jid, script, ZIP).status_code == 201
        with Shell(live.url).start("logs", "-f", jid) as process:
            read_until(process, "begin")
            live.kill()
            time.sleep(1)
            go.touch()
            live.start()
            out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out) == (0, "end\n"), err
        assert "finishedSuccessfully" in err


def test_several_jobs_are_cancelled_and_removed_although_one_is_unknown(shell: Shell, api: Api, running: str) -> None:
    done = shell("cancel", "unknown-job", running)
    assert done.returncode == 1
    assert "unknown-job: " in done.stderr
    assert api.wait(running)["reason"] == "Cancelled"
    done = shell("rm", "unknown-job", running)
    assert (done.returncode, done.stdout) == (1, f"{running}: removed\n")
    assert not is_recorded(api, running)


def test_cancel_and_rm_tell_json(shell: Shell, running: str) -> None:
    (told,) = shell.json("cancel", running)
    assert told["jid"] == running
    assert shell.json("rm", running) == [{"jid": running, "removed": True}]


def test_jobs_of_other_kinds_are_removed_too(shell: Shell, api: Api, ended: str) -> None:
    assert api.post("deletejobs/", {"jid": ended}).status_code == 201
    assert shell("rm", ended).returncode == 0
    assert not is_recorded(api, ended)


@pytest.mark.parametrize("words", [("show", "unknown-job"), ("logs", "unknown-job"), ("logs", "-f", "unknown-job")])
def test_an_unknown_job_is_told(shell: Shell, words: tuple[str, ...]) -> None:
    done = shell(*words)
    assert done.returncode == 1
    assert "unknown-job" in done.stderr


def test_top_shows_the_service(shell: Shell, running: str) -> None:
    text = shell("top").stdout  # once: it is no terminal
    assert f"pfcon {pfcon.__version__} at " in text
    assert re.search("^ok +records: ", text, re.MULTILINE)
    assert re.search(f"^{running} +started +", text, re.MULTILINE)
    (told,) = shell.json("top", "--once")
    assert told["jobs"]["started"] >= 1
    assert running in [job["jid"] for job in told["active"]]


def test_top_goes_on_until_ctrl_c(shell: Shell) -> None:
    master, terminal = pty.openpty()
    with shell.start("top", stdout=terminal) as process:
        os.close(terminal)
        shown = b""
        while shown.count(b"ACTIVE") < 2:
            shown += os.read(master, 65536)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    os.close(master)
    assert (process.returncode, err) == (0, "")


def test_a_wrong_password_is_told(server: LiveServer) -> None:
    done = Shell(server.url, PFCON_PASSWORD="wrong-password")("jobs")
    assert done.returncode == 1
    assert f"refuses the login of '{USER}'" in done.stderr
    assert "wrong-password" not in done.stderr


def test_a_service_that_is_away_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = Shell(url)("jobs")
    assert done.returncode == 1
    assert f"pfcon does not answer at {url}/api/v1/: connection refused" in done.stderr


def test_a_login_that_is_missing_is_a_usage_error(server: LiveServer) -> None:
    done = Shell(server.url, PFCON_URL="", PFCON_PASSWORD="")("jobs")
    assert done.returncode == 2
    assert "PFCON_URL" in done.stderr
    assert "PFCON_PASSWORD" in done.stderr


def test_the_users_file_has_the_login(server: LiveServer, tmp_path: Path) -> None:
    path = tmp_path / "pfcon" / "config.toml"
    path.parent.mkdir()
    path.write_text(f'url = "{server.url}"\nuser = "{USER}"\npassword = "{PASSWORD}"\n')
    path.chmod(0o600)
    shell = Shell("", PFCON_USER="", PFCON_PASSWORD="", XDG_CONFIG_HOME=str(tmp_path))
    assert shell("jobs").returncode == 0
    path.chmod(0o644)
    done = shell("jobs")
    assert done.returncode == 2
    assert "chmod 600" in done.stderr


def test_run_is_refused_where_a_service_takes_no_zips() -> None:
    with tempfile.TemporaryDirectory(prefix="pfcon-client-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        with LiveServer(storebase, {"PFCON_INNETWORK": "true", "STORAGE_ENV": "filesystem"}) as live:
            done = Shell(live.url)("run", "any", "--outputs", f"{name}/out", "--", "true")
    assert done.returncode == 2
    assert "takes inputs from users' files (its storage is filesystem)" in done.stderr
