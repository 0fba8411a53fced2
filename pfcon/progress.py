"""The progress of an operation (a copy, upload or delete job), in a file of the job's directory.

Plugin jobs can't access that file, because they mount only subdirectories. Only the last state is needed, so each
report replaces the file.
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
    """message: for the user; if ``failed``, why, with the code ``reason``. notes: what was left out, and why.

    nfiles, nbytes: of all that was copied, uploaded or deleted; 0 before the end.
    """

    message: str
    failed: bool = False
    nfiles: int = 0
    notes: tuple[str, ...] = ()
    nbytes: int = 0
    reason: str = ""


def is_progress_file(name: str, kind: JobKind) -> bool:
    """Whether a file of a job's directory is the progress of an operation of that kind."""
    return name == f"{kind.value}.progress"


def write_progress(job: JobDir, kind: JobKind, progress: Progress) -> None:
    """Write the progress, atomically; at most MAX_NOTES notes. Raises OSError."""
    shown = asdict(progress) | {"notes": progress.notes[:MAX_NOTES]}
    write_small(job.path, f"{kind.value}.progress", json.dumps(shown))


def clear_progress(job: JobDir, kind: JobKind) -> None:
    """Delete the progress. Idempotent; a directory of that name is left alone. Raises OSError."""
    with contextlib.suppress(IsADirectoryError):
        (job.path / f"{kind.value}.progress").unlink(missing_ok=True)


def read_progress(job: JobDir, kind: JobKind) -> Progress | None:
    """Return the last progress; None when it is missing or unreadable."""
    try:
        raw = json.loads(read_small(job.path, f"{kind.value}.progress", MAX_BYTES))
        counted = int(raw["nfiles"]), tuple(map(str, raw["notes"])), int(raw.get("nbytes", 0))
        return Progress(str(raw["message"]), bool(raw["failed"]), *counted, str(raw.get("reason", "")))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
