"""What an operation (a copy, upload or delete job) reports, in a file of the job's directory.

The plugin's own job never sees that file: it mounts directories below. Only the last state counts, so the file is
replaced with each report.
"""

import contextlib
import json
from dataclasses import asdict, dataclass

from pfcon.files.small_files import read_small, write_small
from pfcon.models import JobKind
from pfcon.paths import JobDir

MAX_BYTES = 1024 * 1024
MAX_NOTES = 1000


@dataclass(frozen=True)
class Progress:
    """``message`` is for the user; with ``failed`` it is the reason. ``notes`` say what was left out, and why."""

    message: str
    failed: bool = False
    nfiles: int = 0
    notes: tuple[str, ...] = ()


def is_progress_file(name: str, kind: JobKind) -> bool:
    """Whether a file of a job's directory is an operation's own report."""
    return name == f"{kind.value}.progress"


def write_progress(job: JobDir, kind: JobKind, progress: Progress) -> None:
    """Replace the last report. Raises OSError."""
    shown = asdict(progress) | {"notes": progress.notes[:MAX_NOTES]}
    write_small(job.path, f"{kind.value}.progress", json.dumps(shown))


def clear_progress(job: JobDir, kind: JobKind) -> None:
    """Delete the last report. A missing one is no error, nor is a directory of that name. Raises OSError."""
    with contextlib.suppress(IsADirectoryError):
        (job.path / f"{kind.value}.progress").unlink(missing_ok=True)


def read_progress(job: JobDir, kind: JobKind) -> Progress | None:
    """The last report; None when there is none that can be read."""
    try:
        raw = json.loads(read_small(job.path, f"{kind.value}.progress", MAX_BYTES))
        return Progress(str(raw["message"]), bool(raw["failed"]), int(raw["nfiles"]), tuple(map(str, raw["notes"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
