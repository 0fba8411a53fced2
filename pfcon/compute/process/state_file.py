"""Reads and writes the small files of a job's directory. A part of the supervisor: uses only the standard library."""

from __future__ import annotations

import errno
import json
import os

TYPE_CHECKING = False  # importing typing would take time and memory for each job
if TYPE_CHECKING:
    from collections.abc import Callable

    from pfcon.compute.process.state import State

SPARE, SPARE_BYTES = "state.spare", 8192  # becomes state.json at the end, also on a full disk

MESSAGE, MESSAGE_BYTES = "cancel", 4096  # why the engine stops the job, for users


def write_message(job: int, message: str) -> None:
    """Write why the engine stops the job. The supervisor keeps the first message that it reads. Raises OSError."""
    write_file(job, MESSAGE, message, durable=False)


def read_message(job: int) -> str:
    """Return what ``write_message`` has written; ``""`` if that can't be read."""
    try:
        file = os.open(MESSAGE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=job)
    except OSError:
        return ""
    try:
        return os.read(file, MESSAGE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(file)


def write_file(directory: int, name: str, text: str, *, durable: bool = True) -> None:
    """Create or replace a file in an open directory, atomically, only for this user. Raises OSError.

    durable: it also survives a power failure.
    """
    partial = f".{name}.{os.getpid()}"
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=directory)
    try:
        rest = text.encode("utf-8", "surrogateescape")
        while rest:
            rest = rest[os.write(file, rest) :]
        if durable:
            os.fsync(file)
    finally:
        os.close(file)
    os.rename(partial, name, src_dir_fd=directory, dst_dir_fd=directory)


def write_state(job: int, state: State, *, durable: bool = True) -> None:
    """Replace ``state.json`` in a job's open directory. Raises OSError."""
    write_file(job, "state.json", json.dumps(state), durable=durable)


def note_state(job: int, state: State) -> None:
    """Like ``write_state``, if that is possible now; it may be lost by a power failure."""
    try:  # noqa: SIM105 - contextlib would be imported for this alone
        write_state(job, state, durable=False)
    except OSError:
        pass


def write_last_state(job: int, state: State) -> None:
    """Like ``write_state``, but into space on the disk that was reserved when the job started. Raises OSError."""
    text = json.dumps(state).encode("utf-8", "surrogateescape").ljust(SPARE_BYTES)
    try:
        file = os.open(SPARE, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=job)
    except OSError:  # a job of an earlier release
        write_state(job, state)
        return
    try:
        if len(text) > SPARE_BYTES or os.pwrite(file, text, 0) != len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)
    except OSError:
        write_state(job, state)
        return
    finally:
        os.close(file)
    os.rename(SPARE, "state.json", src_dir_fd=job, dst_dir_fd=job)


def write_end(job: int, state: State, is_removed: Callable[[], bool]) -> None:
    """Write the final state. On a full disk, retry until it is written, or the job or its directory is removed.

    is_removed: waits a moment, and returns whether the job is removed.
    """
    while True:
        try:
            write_last_state(job, state)
        except OSError:
            if not was_deleted(job) and not is_removed():
                continue
        return


def was_deleted(directory: int) -> bool:
    """Return whether an open directory has been deleted."""
    try:
        return os.fstat(directory).st_nlink == 0
    except OSError as fault:
        return fault.errno == errno.ESTALE  # on NFS
