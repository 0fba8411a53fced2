"""Trees copied into a job's directory, here and in processes that a test can kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pfcon.links import StagedItem
from pfcon.links.budget import Notes
from pfcon.paths import JobDir
from pfcon.storage.attempts import DiskQuota, staging_attempt
from pfcon.storage.copy_file import FileCopier
from pfcon.storage.copying import TreeCopy


def items_of(root: Path) -> Iterator[StagedItem]:
    """All files below a storeBase but those of the job."""
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        if not path.is_relative_to(root / "key-j1"):
            name = str(path.relative_to(root))
            yield StagedItem(name, name.partition("/")[2], path.stat().st_size, is_dir=False)


def stage(
    job: JobDir, items: Iterator[StagedItem] | None = None, kind: type[TreeCopy] = TreeCopy, threads: int = 1
) -> TreeCopy:
    """Copy, by default all files of the job's storeBase, as storage fslink does."""
    root = job.storebase.root
    with staging_attempt(job) as (partial, earlier), DiskQuota(job.storebase, partial, 1) as quota:
        copy = kind(root, partial, earlier, quota, Notes())
        copy.run(items or items_of(root), lambda text: None, threads=threads)
        job.complete(partial)
    return copy


class Copied(list[str]):
    """Makes copies that record what they were asked for, and fail at a name."""

    def kind(self, fails_at: str = "", fault: Callable[[], BaseException] = KeyboardInterrupt) -> type[TreeCopy]:
        """A class of copies that writes half of the file at that name and raises the fault."""
        copied = self

        class Recorder(FileCopier):
            def copy(self, source: int, found: os.stat_result, target: int, path: str) -> int:
                if path == fails_at:
                    os.write(target, b"d")  # half of it
                    raise fault()
                copied.append(path)
                return super().copy(source, found, target, path)

        class Recording(TreeCopy):
            copier = Recorder

        return Recording


# Stages `in` for job j1 of the storeBase that it is called with.
CHILD = """
import sys
from pathlib import Path, PurePosixPath
from pfcon.models import CopyRequest, JobId
from pfcon.paths import StoreBase
from pfcon.archive.limits import UploadLimits
from pfcon.storage.fslink import FslinkStorage
storebase = StoreBase(Path(sys.argv[1]))
request = CopyRequest(JobId("j1"), (PurePosixPath("in"),), PurePosixPath("out"), 1000, 300)
plan = FslinkStorage(storebase, UploadLimits(0, 0, 0, 0, 0, 0)).plan(request, None)
print("go", flush=True)
print(plan.stage(storebase.job(request.jid), lambda text: None).notes, flush=True)
"""


def run_child(root: Path, kill_after: float | None) -> str:
    """What a process of its own tells after staging ``in`` for job j1; it is killed, or not, after so many seconds."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(root)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == "go\n"
        if kill_after is not None:
            time.sleep(kill_after)
            child.send_signal(signal.SIGKILL)
        told = child.stdout.read()
    child.wait()
    return told
