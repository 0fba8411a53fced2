"""The lock for sending a job's outputs to the users' storage: two uploads would send the same files twice."""

import contextlib
from collections.abc import Iterator

from pfcon.errors import Absent, Unreachable
from pfcon.files.locks import locked
from pfcon.paths import JobDir

UPLOAD_LOCK_WAIT = 600.0  # seconds that an upload waits for another one of the same outputs


@contextlib.contextmanager
def upload_lock(job: JobDir, patience: float = UPLOAD_LOCK_WAIT) -> Iterator[None]:
    """Hold the lock for uploading a job's outputs, which all processes share.

    Raises Absent if the job is missing, Unreachable if the lock is not free within ``patience`` seconds, OSError.
    """
    with contextlib.ExitStack() as stack:
        try:
            ours = stack.enter_context(locked(job.path / "upload.lock", patience))
        except FileNotFoundError:
            raise Absent(f"no directory {job.name}") from None
        if not ours:
            raise Unreachable(f"another upload of the outputs of job {job.jid} is in progress; try again later")
        yield
