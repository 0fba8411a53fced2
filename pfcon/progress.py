"""What an operation (a copy, upload or delete job) tells of itself, in a file of the job's directory.

The plugin's own job never sees that file: it mounts directories below. Only the last state counts, so the file is
replaced with each report.
"""

import json
import os
from dataclasses import asdict, dataclass

from pfcon.models import JobKind
from pfcon.paths import JobDir

MAX_BYTES = 1024 * 1024
MAX_NOTES = 1000


@dataclass(frozen=True)
class Progress:
    """``message`` is for the user; with ``failed`` it is the reason. ``notes`` tell what was left out, and why."""

    message: str
    failed: bool = False
    nfiles: int = 0
    notes: tuple[str, ...] = ()


def is_progress_file(name: str, kind: JobKind) -> bool:
    """Whether a file of a job's directory is an operation's own report."""
    return name in (f"{kind.value}.progress", f"{kind.value}.progress.new")


def write_progress(job: JobDir, kind: JobKind, progress: Progress) -> None:
    """Replace the last report. Raises OSError."""
    path = job.path / f"{kind.value}.progress"
    temporary = path.with_suffix(".progress.new")
    shown = asdict(progress) | {"notes": progress.notes[:MAX_NOTES]}
    temporary.write_text(json.dumps(shown), encoding="utf-8", errors="backslashreplace")
    os.replace(temporary, path)


def clear_progress(job: JobDir, kind: JobKind) -> None:
    """Remove the last report; none is none. Raises OSError."""
    (job.path / f"{kind.value}.progress").unlink(missing_ok=True)


def read_progress(job: JobDir, kind: JobKind) -> Progress | None:
    """The last report; None when there is none that can be read."""
    try:
        with (job.path / f"{kind.value}.progress").open(encoding="utf-8") as file:
            raw = json.loads(file.read(MAX_BYTES))
        return Progress(str(raw["message"]), bool(raw["failed"]), int(raw["nfiles"]), tuple(map(str, raw["notes"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None
