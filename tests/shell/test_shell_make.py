"""make.sh and unmake.sh as a user runs them, with the process engine and the real service."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.ports import free_port
from support.shell import alive, install, run

from pfcon.testing.waiting import eventually

pytestmark = pytest.mark.slow


def make(checkout: Path, *words: str, port: int = 0) -> subprocess.CompletedProcess[str]:
    """make.sh with the process engine, called from elsewhere."""
    return run(checkout / "make.sh", "-O", "process", "-p", str(port or free_port()), *words, cwd=checkout.parent)


def unmake(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(checkout / "unmake.sh", *words, cwd=checkout.parent)


def tree(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if ".venv" not in path.parts}


def service_pid(checkout: Path) -> int:
    lines = (checkout / ".pfcon-dev/state").read_text().splitlines()
    return int(dict(line.split("=", 1) for line in lines)["pid"])


def test_make_ends_with_the_samples_outputs_and_unmake_leaves_nothing(checkout: Path) -> None:
    before = tree(checkout)
    port = free_port()
    done = make(checkout, port=port)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bytes  letters/greek.sorted.txt" in done.stdout
    assert "| letters/greek.txt: 4 words" in done.stdout
    assert f"curl http://127.0.0.1:{port}/api/v1/health/" in done.stdout
    pid = service_pid(checkout)

    again = make(checkout, port=port)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"pfcon runs already (pid {pid}); reusing it" in again.stdout
    assert not list((checkout / "CHRIS_REMOTE_FS").glob("key-*"))

    gone = unmake(checkout)
    assert gone.returncode == 0, gone.stderr
    assert not alive(pid)
    assert tree(checkout) == before
    assert not (checkout / ".venv").exists()
    assert unmake(checkout).returncode == 0


@pytest.mark.parametrize("storage", ["fslink", "filesystem"])
def test_make_in_network_runs_the_sample_on_files_in_storebase(checkout: Path, storage: str) -> None:
    before = tree(checkout)
    done = make(checkout, "-N", "-F", storage)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"storage {storage}, jobs on process" in done.stdout
    assert ("posted copy job" in done.stdout) is (storage == "fslink")
    assert "bytes  letters/greek.sorted.txt" in done.stdout
    assert "| letters/greek.txt: 4 words" in done.stdout
    assert {path.name for path in (checkout / "CHRIS_REMOTE_FS").iterdir()} == {".made-by-pfcon", ".pfcon"}

    gone = unmake(checkout, "-N", "-F", storage)
    assert gone.returncode == 0, gone.stderr
    assert tree(checkout) == before


def test_the_sample_leaves_files_of_the_user_that_were_there(checkout: Path, tmp_path: Path) -> None:
    precious = tmp_path / "store/home/sample/uploads/precious"
    precious.parent.mkdir(parents=True)
    precious.write_text("data")
    done = make(checkout, "-N", "-F", "fslink", "-S", str(tmp_path / "store"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path for path in (tmp_path / "store/home").rglob("*") if not path.is_dir()] == [precious]


def test_a_sample_of_another_storage_is_told(checkout: Path) -> None:
    port = free_port()
    assert make(checkout, "-U", port=port).returncode == 0
    words = ("--url", f"http://127.0.0.1:{port}/api/v1/", "--storage", "fslink", "--storebase", "CHRIS_REMOTE_FS")
    done = run(sys.executable, "sample/run_job.py", *words, cwd=checkout)
    assert done.returncode == 1
    assert "this pfcon's storage is zipfile, not fslink" in done.stderr


def test_another_storage_while_pfcon_runs_is_refused(checkout: Path) -> None:
    port = free_port()
    assert make(checkout, "-U", port=port).returncode == 0
    done = make(checkout, "-U", "-N", "-F", "filesystem", port=port)
    assert done.returncode == 1
    assert "-F zipfile" in done.stderr
    assert "-F filesystem" in done.stderr


def test_other_options_while_pfcon_runs_are_refused_and_it_runs_on(checkout: Path, tmp_path: Path) -> None:
    port = free_port()
    assert make(checkout, "-U", port=port).returncode == 0
    done = make(checkout, "-U", "-S", str(tmp_path / "other"), port=port)
    assert done.returncode == 1
    assert "runs already" in done.stderr
    assert str(tmp_path / "other") in done.stderr
    assert f"kill -TERM {service_pid(checkout)} stops it: its jobs and data stay" in done.stderr
    assert alive(service_pid(checkout))
    assert not (tmp_path / "other").exists()


def test_a_service_that_was_stopped_goes_on_with_its_jobs_and_its_log(checkout: Path) -> None:
    """As make.sh tells, and with the commands in a shell as it tells."""
    port = free_port()
    done = make(checkout, "-U", port=port)
    assert done.returncode == 0, done.stdout + done.stderr
    stop = re.search(r"kill -TERM \d+", done.stdout)
    exports = "\n".join(line for line in done.stdout.splitlines() if line.startswith("  export "))
    assert stop
    run_job = "mkdir in && pfcon run any --keep --jid kept --inputs in --outputs out -- sh -c 'echo done'"
    ran = run("bash", "-euc", f"{exports}\n{run_job}\n{stop[0]}", cwd=checkout)
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr
    pid = service_pid(checkout)
    assert eventually(lambda: not alive(pid))

    assert make(checkout, "-U", port=port).returncode == 0
    shown = run("bash", "-euc", f"{exports}\npfcon logs kept", cwd=checkout)
    assert (shown.returncode, shown.stdout) == (0, "done\n"), shown.stderr
    log = (checkout / ".pfcon-dev/pfcon.log").read_text()
    assert log.count("service starts") == 2
    assert "audit jid=kept" in log


def test_a_port_that_another_program_has_is_told_with_that_program(checkout: Path) -> None:
    before = tree(checkout)
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = make(checkout, port=other.getsockname()[1])
    assert done.returncode == 1
    assert f"is taken by pid {os.getpid()} (" in done.stderr
    assert tree(checkout) == before


def test_a_failed_sample_is_the_exit_status_and_shows_the_jobs_log(checkout: Path) -> None:
    (checkout / "sample/job.sh").write_text("echo it broke; exit 3\n")
    done = make(checkout)
    assert done.returncode == 1
    assert "| it broke" in done.stdout
    assert "finishedWithError: the program failed with exit code 3" in done.stderr
    assert not list((checkout / "CHRIS_REMOTE_FS").glob("key-*"))


def test_a_service_that_cannot_start_is_told_with_the_end_of_its_log(checkout: Path) -> None:
    (checkout / ".venv/bin/pfcon").write_text("#!/bin/sh\necho a reason; exit 1\n")
    (checkout / ".pfcon-dev").mkdir()
    (checkout / ".pfcon-dev/pfcon.log").write_text("of an earlier start\n")
    done = make(checkout)
    assert done.returncode == 1
    assert "pfcon did not start" in done.stderr
    assert "a reason" in done.stderr
    assert "of an earlier start" not in done.stderr
    assert not (checkout / ".pfcon-dev/state").exists()


def test_a_storebase_that_held_data_is_kept_and_one_that_was_empty_is_emptied(checkout: Path, tmp_path: Path) -> None:
    used, empty, new = tmp_path / "used", tmp_path / "empty", tmp_path / "new/deep"
    used.mkdir()
    empty.mkdir()
    (used / "precious").write_text("data")
    for storebase, told in ((used, "kept"), (empty, "emptied"), (new, "removed")):
        if not (checkout / ".venv").exists():
            install(checkout)
        assert make(checkout, "-S", os.path.relpath(storebase, checkout.parent)).returncode == 0
        assert f"{told} {storebase}" in unmake(checkout).stdout
    assert (used / "precious").read_text() == "data"
    assert list(empty.iterdir()) == []
    assert not new.exists()


LONG_JOB = """
import sys
sys.path.insert(0, "sample")
import pathlib, run_job
client = run_job.Client(sys.argv[1])
client.log_in("pfcon", "pfcon1234")
fields = [pair for pair in run_job.describe("long", "none") if pair[0] != "entrypoint"]
script = 'sleep 300 & echo $! >"$2/pid"; echo $$ >>"$2/pid"; wait'
fields += [("entrypoint", word) for word in ("sh", "-c", script, "x")]
client.submit(fields, pathlib.Path("sample/inputs"))
"""


def test_unmake_ends_running_jobs_also_when_the_service_was_killed(checkout: Path) -> None:
    port = free_port()
    assert make(checkout, "-U", port=port).returncode == 0
    done = run(sys.executable, "-c", LONG_JOB, f"http://127.0.0.1:{port}/api/v1/", cwd=checkout)
    assert done.returncode == 0, done.stderr
    note = checkout / "CHRIS_REMOTE_FS/key-long/outgoing/pid"
    assert eventually(lambda: note.exists() and len(note.read_text().split()) == 2)
    pids = note.read_text().split()
    os.killpg(service_pid(checkout), 9)
    gone = unmake(checkout)
    assert gone.returncode == 0, gone.stderr
    assert "ended 1 running job(s)" in gone.stdout
    assert eventually(lambda: not any(alive(int(pid)) for pid in pids))


def test_a_recorded_pid_that_now_belongs_to_another_process_is_left_alone(checkout: Path) -> None:
    other = subprocess.Popen(["sleep", "60"])
    try:
        (checkout / ".pfcon-dev").mkdir()
        (checkout / ".pfcon-dev/state").write_text(f"pid={other.pid}\nstarted=1\nport=5005\nengine=process\n")
        assert unmake(checkout).returncode == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
