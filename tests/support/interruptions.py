"""Operations that are ended from outside in the middle of their work, and what has to have become of it."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pfcon.jobs.repetition import RUNS
from pfcon.testing.waiting import PATIENCE

from .live import LiveServer
from .staged import StagedJob
from .user_objects import UserObjects

FILES = 48
SOURCE = "home/bob/data"
CONTENT = {f"d{number % 7}/f{number}": b"%d\n" % number * 1000 for number in range(FILES)}
LARGE = 20_000_000  # bytes of one more file where copying would be over at once


@dataclass
class Work:
    """Jobs of one server whose operations have something to do. objects: where users' data are in an object store."""

    server: LiveServer
    objects: UserObjects | None = None

    def prepare(self) -> None:
        """Make users' data."""
        if self.objects is not None:
            self.objects.add({f"{SOURCE}/{name}": data for name, data in CONTENT.items()})
            return
        for name, data in CONTENT.items():
            path = self.server.storebase / SOURCE / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for number in range(4):
            (self.server.storebase / SOURCE / f"large{number}").write_bytes(os.urandom(1000) * (LARGE // 1000))

    def ready_for(self, kind: str) -> StagedJob:
        """A job of which everything before that operation is done."""
        job = StagedJob(self.server, SOURCE)
        if kind == "copy":
            return job
        assert job.copied()["status"] == "finishedSuccessfully"
        if kind == "upload":
            job.plugin("true")
            assert job.wait("plugin")["status"] == "finishedSuccessfully"
            for name, data in CONTENT.items():
                path = job.key / "outgoing" / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(data)
        else:
            for number in range(4000):
                path = job.key / "outgoing" / f"{number // 500}" / f"{number}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        return job

    def has_begun(self, job: StagedJob, kind: str) -> bool:
        """Whether the operation has done a part of its work."""
        if kind == "delete":
            return not (job.key / "outgoing").is_dir() or len(os.listdir(job.key / "outgoing")) < 8
        if kind == "upload":
            assert self.objects is not None
            return bool(self.objects.names(job.output_dir + "/"))
        return any(path.is_file() and path.suffix not in (".order", ".progress") for path in job.key.rglob("*"))

    def check(self, job: StagedJob, kind: str) -> None:
        """What the operation was for has to be there, whole."""
        if kind == "delete":
            assert not job.key.exists()
        elif kind == "upload":
            assert self.objects is not None
            assert self.objects.read(job.output_dir + "/") == CONTENT
        else:
            staged = read_tree(job.key / "incoming")
            expected = CONTENT if self.objects is not None else read_tree(self.server.storebase / SOURCE)
            assert staged == expected


def read_tree(root: Path) -> dict[str, bytes]:
    """All files below a directory."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def interrupt(
    work: Work, kind: str, pids: Callable[[StagedJob], list[int]], end: Callable[[StagedJob, list[int]], None]
) -> None:
    """End an operation in the middle of its work, and see that it ends well by itself.

    pids: finds the processes of a job's operation. end: gets these, which stand still (SIGSTOP).
    """
    for _ in range(20):
        job = work.ready_for(kind)
        assert job.post(kind, **_fields(job, kind)).status_code == 201
        stopped = _await_middle(work, job, kind, partial(pids, job))
        if not stopped:
            assert job.wait(kind)["status"] == "finishedSuccessfully"
            continue  # it was faster
        end(job, stopped)
        ended = job.wait(kind)
        assert ended["status"] == "finishedSuccessfully", ended
        assert f"run 2 of {RUNS}" in ended["message"]
        work.check(job, kind)
        return
    raise AssertionError("each operation had ended before it could be interrupted")


def _fields(job: StagedJob, kind: str) -> dict[str, object]:
    """What a POST of that kind carries."""
    fields: dict[str, dict[str, object]] = {
        "copy": {"input_dirs": [job.input_dir], "output_dir": job.output_dir},
        "upload": {"job_output_path": job.output_dir},
        "delete": {},
    }
    return fields[kind]


def _await_middle(work: Work, job: StagedJob, kind: str, pids: Callable[[], list[int]]) -> list[int]:
    """Stop the processes of an operation in the middle of its work (SIGSTOP); none when it has ended before."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = pids()
        if found and work.has_begun(job, kind):
            stopped = [pid for pid in found if _sent(pid, signal.SIGSTOP)]
            return [pid for pid in stopped if pid in pids()]
        if not found and job.get(kind).json()["compute"]["status"].startswith("finished"):
            return []
        time.sleep(0.002)
    raise AssertionError(f"the {kind} job has not begun")


def parents(pids: list[int]) -> list[int]:
    """The parents of processes: on the process engine, supervisors."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):
            found.append(int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1]))
    return found


def kill(pids: list[int]) -> None:
    """SIGKILL them, where they have not ended."""
    for pid in pids:
        _sent(pid, signal.SIGKILL)


def _sent(pid: int, number: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False
