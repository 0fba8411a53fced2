"""Reports of an operation: its log for users, and its progress for pfcon."""

import sys
import time

from pfcon.files.faults import is_full
from pfcon.models import JobKind
from pfcon.paths import JobDir
from pfcon.polling import polls
from pfcon.progress import Progress, clear_progress, write_progress
from pfcon.reasons import Why

INTERVAL = 1.0  # seconds between two reports of progress
MAX_NOTES_LOGGED = 1000
PATIENCE = 10.0  # seconds; longest wait for space on a full disk for the last report
PAUSE = 0.5  # seconds between two attempts to write it


class Reporter:
    """Writes the log to standard output, and the progress file. ``patience``: seconds, see PATIENCE."""

    def __init__(self, job: JobDir, kind: JobKind, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._job = job
        self._kind = kind
        self._last = 0.0

    def progress(self, message: str) -> None:
        """Report progress, at most once in INTERVAL seconds. Does nothing on a full disk. Raises OSError."""
        if time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            try:
                write_progress(self._job, self._kind, Progress(message))
            except OSError as fault:
                if not is_full(fault):
                    raise

    def log(self, line: str) -> None:
        """Write one line to the log."""
        print(line.encode("utf-8", "backslashreplace").decode(), flush=True)

    def done(self, message: str, nfiles: int, notes: tuple[str, ...] = (), nbytes: int = 0) -> None:
        """Report success. On a full disk the message is lost, but not the success. Raises OSError."""
        notes = tuple(" ".join(note.splitlines()) for note in notes)
        for note in notes[:MAX_NOTES_LOGGED]:
            self.log(note)
        self.log(message)
        try:
            self._write_last(Progress(message, nfiles=nfiles, notes=notes, nbytes=nbytes))
        except OSError as fault:
            if not is_full(fault):
                raise
            clear_progress(self._job, self._kind)  # it would show an earlier state

    def _write_last(self, progress: Progress) -> None:
        last: OSError | None = None
        for _ in polls(self._patience, PAUSE):
            try:
                write_progress(self._job, self._kind, progress)
                return
            except OSError as fault:
                if not is_full(fault):
                    raise
                last = fault
        if last is not None:
            raise last

    def failed(self, why: Why) -> None:
        """Report why the operation failed. If the progress file can't be written, the log still contains the reason."""
        self.log(why.message)
        try:
            self._write_last(Progress(why.message, failed=True, reason=why.reason))
        except OSError as error:
            print(f"the reason can't be recorded: {error}", file=sys.stderr)
