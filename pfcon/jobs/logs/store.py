"""Where copies of jobs' logs are.

.pfcon/logs/<name>/<attempt>/
    log, log.<n>   the log, see pfcon/compute/kept_log.py
    state.json     State
    lock           locked (flock) by the process that copies
.pfcon/logs-unfinished/<name>   names the job whose log has not been copied to its end; an empty text if none does
"""

import contextlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pfcon.compute.kept_log import read_at
from pfcon.files.faults import is_full
from pfcon.files.flags import DIRECTORY
from pfcon.files.last_change import last_change
from pfcon.files.small_files import read_small_at
from pfcon.files.writing import replace_file, replacing_file, write_all
from pfcon.jobs.about import of_name
from pfcon.models import JobId, JobKind
from pfcon.paths import StoreBase
from pfcon.records import Record

log = logging.getLogger(__name__)

LOGS, UNFINISHED = "logs", "logs-unfinished"  # below .pfcon
STATE, _STATE_BYTES = "state.json", 16 * 1024 * 1024


@dataclass(frozen=True)
class State:
    """cursor: where to go on at the engine; None: not known. total: the bytes of the log. complete: nothing follows."""

    cursor: str | None = ""
    total: int = 0
    complete: bool = False


class LogStore:
    """The copies of a storeBase. Methods raise OSError."""

    def __init__(self, storebase: StoreBase) -> None:
        self._storebase = storebase
        self.going_on: set[str] = set()  # the names of jobs whose log ``LogCopier.go_on`` copies
        self._unnoted: dict[str, Record] = {}  # of logs that could not be noted

    def directory(self, record: Record) -> Path:
        """Return the directory of an attempt's log; it may not exist."""
        return self._storebase.private / LOGS / record.name / (record.attempt or record.claim)

    def make(self, record: Record) -> bool:
        """Note that a log has to be completed, and create its directory. Returns False if that exists."""
        path = self.directory(record)
        self.note_unfinished(record)  # first: nobody would complete one that is not noted
        if path.is_dir():
            return False
        self._storebase.private_dir(LOGS)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        return True

    def note_unfinished(self, record: Record) -> None:
        """Note that a job's log has to be copied to its end, whichever process does that. Idempotent."""
        directory = self._storebase.private_dir(UNFINISHED)
        if (directory / record.name).exists():
            return
        self._unnoted[record.name] = record
        text = json.dumps({"jid": record.jid, "kind": record.kind.value})
        replace_file(directory, record.name, text.encode())
        self._unnoted.pop(record.name, None)

    def note_again(self) -> None:
        """Note what could not be noted before, as on a full disk."""
        for record in list(self._unnoted.values()):
            self.note_unfinished(record)

    def note_finished(self, name: str) -> None:
        """Forget what ``note_unfinished`` has noted."""
        self._unnoted.pop(name, None)
        (self._storebase.private / UNFINISHED / name).unlink(missing_ok=True)

    def unfinished(self) -> Iterator[tuple[str, JobId, JobKind]]:
        """Yield the names of the jobs whose logs have to be completed, with their ids and kinds."""
        with contextlib.suppress(FileNotFoundError):
            for path in (self._storebase.private / UNFINISHED).iterdir():
                with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
                    found = json.loads(path.read_bytes())
                    yield path.name, JobId(found["jid"]), JobKind(found["kind"])

    def open(self, record: Record) -> tuple[int, State] | None:
        """Return the open directory of a copy, which the caller closes, and its state; None if there is none."""
        try:
            directory = os.open(self.directory(record), DIRECTORY)
        except FileNotFoundError:
            return None
        try:
            return directory, read_state(directory)
        except BaseException:
            os.close(directory)
            raise

    def state(self, record: Record) -> State | None:
        """Return the state of a copy; None if there is none."""
        if (found := self.open(record)) is None:
            return None
        os.close(found[0])
        return found[1]

    def names(self) -> list[str]:
        """Return the names of the jobs that have a copy or a note."""
        found: set[str] = set()
        for directory in (LOGS, UNFINISHED):
            with contextlib.suppress(FileNotFoundError):
                found.update(os.listdir(self._storebase.private / directory))
        return sorted(found)

    def last_change(self, name: str) -> float | None:
        """Return when the copy or the note of a job was written for the last time, in seconds since the epoch."""
        found = (last_change(str(self._storebase.private / directory / name)) for directory in (LOGS, UNFINISHED))
        return max((at for at in found if at is not None), default=None)

    def delete(self, name: str) -> None:
        """Delete the copies of all attempts of a job. Idempotent; an error is only logged."""
        try:
            path = self._storebase.private / LOGS / name
            if path.is_dir():
                shutil.rmtree(self._trashed(path), ignore_errors=True)  # the trash is emptied later
            self.note_finished(name)
        except OSError as fault:
            log.warning("the log of job %s can't be deleted: %s", name, fault, extra=of_name(name))

    def _trashed(self, path: Path) -> Path:
        """Move a directory to the trash, so that nobody writes to it any more; return where it is."""
        trashed = self._storebase.trash / f"log.{uuid.uuid4().hex}"
        try:
            path.rename(trashed)
        except FileNotFoundError:
            return trashed
        except OSError as fault:
            if not is_full(fault):
                raise
            return path
        return trashed


def read_state(directory: int) -> State:
    """Return the state of a copy in an open directory.

    One that is damaged, as by a power failure, counts what the files have. A later release may add keys.
    """
    try:
        found = json.loads(read_small_at(directory, STATE, _STATE_BYTES))
        cursor, total = found["cursor"], found["total"]
        if not (isinstance(cursor, str | None) and isinstance(total, int)):
            raise TypeError
        return State(cursor, total, found["complete"] is True)
    except FileNotFoundError:
        return State()
    except (ValueError, TypeError, KeyError):
        return State(None, read_at(directory, 0, 1).end)


def write_state(directory: Path, state: State) -> None:
    """Write the state of a copy, atomically. Raises FileNotFoundError once the copy was deleted."""
    with replacing_file(directory, STATE) as file:
        write_all(file, json.dumps(asdict(state)).encode())
        if state.complete:
            os.fsync(file)


def last_copy(directory: Path) -> float | None:
    """Return when the engine was last asked for a log, in seconds since the epoch; None if it never was."""
    try:
        return (directory / STATE).stat().st_mtime
    except FileNotFoundError:
        return None
