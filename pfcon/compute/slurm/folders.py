"""Reads the directories of several jobs, without the batch system."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pfcon.compute.slurm.folder import JobFolder
from pfcon.errors import Absent, DamagedJob

STALE = 600.0  # seconds after which a directory without a link counts as left by a crash


class Known(NamedTuple):
    """What does not change in a job's directory: the job's name, and when the job was created, as Unix time."""

    name: str
    created_at: float


def requests(root: Path) -> dict[str, str]:
    """Return ``JobSpec.request`` of each job, by name; ``""`` for a damaged one. Raises OSError."""
    found = {}
    with os.scandir(root) as entries:
        names = [entry.name for entry in entries if entry.is_symlink()]
    for name in names:
        with contextlib.suppress(Absent):
            found[name] = _request(JobFolder.open(root, name))
    return found


def _request(folder: JobFolder) -> str:
    try:
        return folder.spec().request
    except DamagedJob:
        return ""


def read_known(root: Path, markers: Iterable[str]) -> dict[str, Known]:
    """Read the directories of jobs, by marker. Left out are missing and damaged ones, and those without a name."""
    found = {}
    there = set(os.listdir(root))
    for marker in markers:
        if f".{marker}" in there:
            with contextlib.suppress(Absent, DamagedJob, OSError):
                name = JobFolder(root, f".{marker}", marker).spec().name
                folder = JobFolder.open(root, name)
                if folder.marker == marker:  # not the probe of ``check``, or a job that has been removed
                    found[marker] = Known(name, time.time() - folder.age())
    return found


def sweep(root: Path) -> None:
    """Remove directories that crashes have left: no name links to them. Raises OSError."""
    linked, found = set(), []
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_symlink():
                linked.add(os.readlink(entry.path))
            elif entry.is_dir() and time.time() - entry.stat().st_mtime > STALE:
                found.append(entry.name)
    for name in found:
        if name not in linked:
            shutil.rmtree(root / name, ignore_errors=True)
