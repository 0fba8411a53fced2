"""Counts in a file system that is full: no process ends by that, and they are there when there is room again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.small_disk import small_disk

COUNT = """
import logging, sys, time
from pathlib import Path
logging.basicConfig(level="WARNING")
from pfcon.metrics.exposition import exposition
from pfcon.metrics.instruments import JOB_CHANGES, REQUESTS
from prometheus_client import CollectorRegistry

def count(number):
    for one in range(number):
        JOB_CHANGES.labels("plugin", "started", f"Reason{one}" + "x" * 100).inc()
        REQUESTS.labels("/", "GET", 200).observe(0.1)
    text = exposition(CollectorRegistry())
    print(text.count(b"pfcon_job_changes_total{"), text.count(b"} 2.0"))

count(int(sys.argv[2]))
Path(sys.argv[1]).unlink()
now = time.monotonic
time.monotonic = lambda: now() + 3600
count(int(sys.argv[2]))
"""


@pytest.mark.parametrize("free", [0, 4096, 100 << 10, 200 << 10])
def test_a_process_that_finds_no_room_goes_on(tmp_path: Path, free: int) -> None:
    """Whether the first file can't be made, or a file can't grow: what has room is right, and the rest comes later."""
    with small_disk(tmp_path / "shm", "tmpfs", 1) as disk:
        disk.fill()
        filler = disk.path / "filler"
        os.truncate(filler, filler.stat().st_size - free)
        environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(disk.path)}
        done = subprocess.run(
            [sys.executable, "-c", COUNT, filler, "300"], env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode != -signal.SIGBUS
        assert done.returncode == 0, done.stderr
        first, second = (list(map(int, line.split())) for line in done.stdout.splitlines())
        assert first[0] < 300
        assert second[0] == 300
        assert second[1] >= 300  # each was counted twice, also those that had no room at first
        assert done.stderr.count("finds no room") == 1
        assert "Traceback" not in done.stderr
