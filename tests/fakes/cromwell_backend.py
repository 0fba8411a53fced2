"""Runs a task as Cromwell's shared-file-system backend does where its site has followed docs/engines/cromwell.md.

The script, its files and their places are those of Cromwell ("HPC backends" in its manual); the container is this
machine's own file system in namespaces, with the mounts that the runtime attribute ``pfcon_mounts`` asks for; the
scheduler's part are limits of memory and time, and a kill that waits for the end.
"""

import contextlib
import csv
import os
import re
import shlex
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from .cromwell_task import Task

SIGTERM_CODE = 143  # what Cromwell writes for a task that it kills
NO_EXIT_CODE = 79  # for one that has ended without an exit code
SLURM = "slurmstepd: error: *** JOB 41 ON n1 CANCELLED AT 2026-03-01T01:00:00 DUE TO TIME LIMIT ***\n"
_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
IMAGE_WORKDIR = "/usr/lib"  # the working directory of its images
_CONTAINER = Path(__file__).with_name("container.sh")
SCRIPT = """#!/bin/bash
cd {cwd}
mkdir -p tmp
export TMPDIR="$PWD/tmp" HOME="$PWD"
mkfifo out err
touch stdout stderr
tee stdout <out &
tees=$!
tee stderr <err >&2 &
tees="$tees $!"
(
cd {cwd}
{command}
) >out 2>err
echo $? >rc.tmp
for _ in $(seq 100); do # a process that was left behind may hold them open
    kill -0 $tees 2>/dev/null || break
    sleep 0.02
done
mv rc.tmp rc
"""


def namespaces() -> list[str]:
    """The command that gives a process its own mounts and processes, and ends them with it."""
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return words if os.geteuid() == 0 else [*words, "--user", "--map-root-user"]


def mounts_of(options: str) -> list[str]:
    """The ``--mount`` options of a shell word's text, as arguments of container.sh."""
    words = shlex.split(options)
    found: list[str] = []
    for option, value in zip(words[::2], words[1::2], strict=True):
        assert option == "--mount", option
        fields = next(csv.reader([value]))
        given = dict(field.partition("=")[::2] for field in fields)
        assert given.pop("type") == "bind", value
        found += [given.pop("source"), given.pop("destination"), "ro" if given.pop("ro", None) == "" else "rw"]
        assert not given, value
    return found


def _as_user(user: str) -> list[str]:
    """The command that begins as a user ``UID:GID`` of ``pfcon_user``; needs root."""
    uid, _, gid = user.partition(":")
    return ["setpriv", f"--reuid={uid}", f"--regid={gid or 0}", "--clear-groups"] if uid else []


def bytes_of(memory: Any) -> int | None:
    """A runtime attribute ``memory`` in bytes."""
    found = re.fullmatch(r"([0-9]+) ?([KMG]i?B)", str(memory or ""))
    return int(found[1]) * _UNITS[found[2]] if found else None


class TaskRun:
    """One run of a task in ``call-<task>/execution`` below the workflow's directory.

    grace: seconds of a kill. minute: the seconds of a minute of ``pfcon_minutes``.
    """

    def __init__(self, task: Task, workflow_root: Path, grace: float, minute: float = 60) -> None:
        self.directory = workflow_root / f"call-{task.name}" / "execution"
        self.tells_workdir = True
        self._task = task
        self._grace = grace
        self._limit = bytes_of(task.runtime.get("memory"))
        self._seconds = int(task.runtime["pfcon_minutes"]) * minute
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write the script and start it."""
        self.directory.mkdir(parents=True)
        self.directory.chmod(0o777)  # createPermissionedDirectories in its source: containers have users of their own
        script = self.directory / "script"
        inside = f"/cromwell-executions/{self.directory.parent.parent.name}/{self.directory.parent.name}"
        script.write_text(SCRIPT.format(cwd=shlex.quote(f"{inside}/execution"), command=self._task.command))
        mounts = mounts_of(str(self._task.runtime.get("pfcon_mounts", "")))
        mounts += [str(self.directory.parent), inside, "rw"]
        if shm := self._task.runtime.get("pfcon_shm"):
            mounts += [f"{int(shm)}m", "/dev/shm", "tmpfs"]
        user = _as_user(str(self._task.runtime.get("pfcon_user", "")))
        tells = "pfcon_workdir=$PWD " if self.tells_workdir else ""
        begin = ["/bin/sh", "-c", f'cd {IMAGE_WORKDIR} && {tells}exec "$@"', "pfcon", *user]
        words = [*namespaces(), str(_CONTAINER), *mounts, "--", *begin, "/bin/bash", f"{inside}/execution/script"]
        with (
            open(self.directory / "stdout.background", "wb") as out,
            open(self.directory / "stderr.background", "wb") as err,
        ):
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,  # left open: what reads it has to get its end from elsewhere
                stdout=out,
                stderr=err,
                cwd="/",
                env={"PATH": os.environ["PATH"]},
                start_new_session=True,
            )

    def wait(self, aborting: threading.Event) -> int | None:
        """Wait for the end, keeping an eye on memory and time; the content of ``rc``, None where there is none."""
        assert self._process
        end = time.monotonic() + self._seconds
        while self._process.poll() is None:
            if time.monotonic() > end and not aborting.is_set():
                self._time_out(self._process)
            if aborting.is_set():
                self._kill(self._process)
            self._keep_limit()
            time.sleep(0.02)
        assert self._process.stdin
        self._process.stdin.close()
        with contextlib.suppress(FileNotFoundError):
            return int((self.directory / "rc").read_text())
        return None

    def _time_out(self, task: subprocess.Popen[bytes]) -> None:
        """End it as Slurm does: it says so on the task's stderr, and there is no ``rc`` until Cromwell writes one."""
        self._end(task)
        with open(self.directory / "stderr", "a") as file:
            file.write(SLURM)
        (self.directory / "rc").write_text(f"{NO_EXIT_CODE}\n")

    def _kill(self, task: subprocess.Popen[bytes]) -> None:
        """End it as Cromwell does: ``rc`` first, then the site's kill command, which waits for the end."""
        with contextlib.suppress(FileExistsError), open(self.directory / "rc", "x") as file:
            file.write(f"{SIGTERM_CODE}\n")
        self._end(task)

    def _end(self, task: subprocess.Popen[bytes]) -> None:
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        while task.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if task.poll() is None:
            self._kill_all(task)

    def _kill_all(self, task: subprocess.Popen[bytes]) -> None:
        """End it at once, and wait for all of it: nothing of a task writes on when its end is told."""
        left = self._processes()
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=60)
        task.kill()
        task.wait()

    def _processes(self) -> list[psutil.Process]:
        assert self._process
        with contextlib.suppress(psutil.Error):
            found: list[psutil.Process] = psutil.Process(self._process.pid).children(recursive=True)
            return found
        return []

    def _keep_limit(self) -> None:
        if self._limit is None:
            return
        used: dict[psutil.Process, int] = {}
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                used[process] = process.memory_info().rss
        if sum(used.values()) > self._limit:
            with contextlib.suppress(psutil.Error):
                max(used, key=lambda process: used[process]).kill()
