"""What could not be removed at once is tried again, without a restart."""

import os
import subprocess
from pathlib import Path

import pytest

from pfcon.jobs import trash
from pfcon.models import JobId
from pfcon.paths import StoreBase
from pfcon.testing.waiting import eventually


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount something that keeps a directory from its removal")
def test_what_stays_in_the_trash_is_removed_later(storebase: StoreBase) -> None:
    job = storebase.job(JobId("j1"))
    job.make()
    held = job.path / "held"
    held.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", held], check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    assert trash.delete_data(job)
    (waiting,) = storebase.trash.iterdir()
    assert eventually(lambda: waiting in trash._UNDELETED)
    subprocess.run(["umount", Path(waiting, "held")], check=True)
    trash.retry()
    assert eventually(lambda: not list(storebase.trash.iterdir()) and waiting not in trash._UNDELETED)
