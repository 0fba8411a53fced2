"""The commands for a service's users but ``pfcon run``, against a live service on the process engine."""

import os
import pty
import re
import signal
import tempfile
import time
from pathlib import Path

import pytest
from support.client_shell import OTHER_IMAGE, ZIP, Shell, is_recorded, read_until
from support.live import PASSWORD, USER, Api, LiveServer, new_jid
from support.ports import free_port

import pfcon
from pfcon.testing.waiting import PATIENCE


def test_jobs_are_listed_newest_first(shell: Shell, api: Api, ended: str, running: str) -> None:
    lines = shell("jobs").stdout.splitlines()
    assert lines[0].split()[:3] == ["JID", "STATUS", "CREATED"]
    jids = [line.split()[0] for line in lines[1:]]
    assert jids.index(running) < jids.index(ended)
    assert [record["jid"] for record in shell.json("jobs", "--image", OTHER_IMAGE, "--owner", "nina")] == [ended]
    assert running in [record["jid"] for record in shell.json("jobs", "--status", "notStarted,started", "--all")]
    assert ended not in [record["jid"] for record in shell.json("jobs", "--status", "started")]
    assert len(shell.json("jobs", "--limit", "1")) == 1
    none = shell("jobs", "--owner", "nobody")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "no jobs\n")
    assert shell.json("jobs", "--owner", "nobody") == []


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
            time.sleep(1.5)  # the stream is asked for again after a second
            go.touch()
            live.start()
            out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out) == (0, "end\n"), err
        away, back, end = err.splitlines()
        assert away.startswith(f"pfcon: pfcon does not answer at {live.url}")
        assert away.endswith("; waiting")
        assert back == "pfcon: the service answers again"
        assert "finishedSuccessfully" in end


def test_a_log_of_a_job_that_is_removed_is_followed_to_that_end(shell: Shell, api: Api) -> None:
    jid = new_jid()
    assert api.submit(jid, "echo begin; sleep 300", ZIP).status_code == 201
    with shell.start("logs", "-f", jid) as process:
        read_until(process, "begin")
        api.delete(f"jobs/{jid}/")
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "")
    assert err == f"job {jid}: removed: the job was removed\n"


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
