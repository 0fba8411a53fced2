"""The directory in which the processes of a service share their numbers. Imports nothing of prometheus_client."""

import atexit
import os
import shutil
import tempfile

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported


def make_directory() -> None:
    """Make an empty directory for this service, deleted when this process ends. Call it once, before any fork.

    An administrator's own value of VARIABLE is not used: with numbers of other processes in it, ours would be wrong.
    """
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - in memory, if possible
    directory = tempfile.mkdtemp(prefix="pfcon-metrics-", dir=parent)
    os.environ[VARIABLE] = directory
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in a process that was forked
            shutil.rmtree(directory, ignore_errors=True)

    atexit.register(remove)
