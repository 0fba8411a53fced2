"""A file system of a test's own that it can fill to the last block."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pfcon.testing.waiting import eventually


class SmallDisk:
    """Mounted at ``path``. kind: tmpfs, or ext4 in a file beside it."""

    def __init__(self, path: Path, kind: str, mebibytes: int) -> None:
        self.path = path
        path.mkdir()
        command: list[str | Path]
        if kind == "tmpfs":
            command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", path]
        else:
            image = path.with_name(f"{path.name}.ext4")
            with image.open("wb") as file:
                file.truncate(mebibytes << 20)
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
            command = ["mount", "-o", "loop", image, path]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip(f"needs the right to mount a small file system ({kind})")
        path.chmod(0o755)

    def fill(self) -> None:
        """Leave no block free."""
        with (self.path / "filler").open("ab", buffering=0) as file:
            for size in (1 << 20, 4096, 512, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                        os.fsync(file.fileno())
                except OSError:  # no room for that many more
                    continue

    def empty(self) -> None:
        """Take away what ``fill`` wrote."""
        (self.path / "filler").unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, kind: str, mebibytes: int = 24) -> Iterator[SmallDisk]:
    """One that is there until the end of the context; skips where this user can't mount."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    disk = SmallDisk(path, kind, mebibytes)
    try:
        yield disk
    finally:
        disk.empty()
        unmounted = eventually(lambda: subprocess.run(["umount", path], check=False).returncode == 0)
        assert unmounted, f"{path} stays mounted"
