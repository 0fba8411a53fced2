"""Storages ``swift`` and ``s3``: inputs are fetched from a container of objects, outputs are uploaded to it."""

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from pfcon.archive.zip_stream import zip_chunks
from pfcon.background import REMOVALS
from pfcon.errors import Absent, Unreachable
from pfcon.files.locks import locked
from pfcon.files.removal import remove_tree
from pfcon.files.walk import FileWalk
from pfcon.models import InputRequest, User
from pfcon.paths import JobDir
from pfcon.storage.base import Delivered, ListedOutputs, Outputs, Staged, StagingPlan, Storage, Upload, ZipOutputs
from pfcon.storage.description import StorageContext
from pfcon.storage.innetwork import output_path, path_texts, paths_digest, request_paths
from pfcon.storage.objects.credentials import write_credentials
from pfcon.storage.objects.download.fetch import fetch
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import ObjectStore, Transient
from pfcon.storage.objects.upload.outputs import upload

UPLOAD_LOCK_WAIT = 600.0  # seconds that an upload waits for another one of the same outputs


class ObjectStorage(Storage):
    """See Storage. With ``create``, a missing container is created before its first use, not when the service starts.

    So the store may start after the service, as in a set of containers started together. Without ``create``, each use
    of a missing container is refused with its name.
    """

    innetwork = True
    requires_copy_job = True
    requires_upload_job = True

    def __init__(
        self, context: StorageContext[Any], connect: Callable[[], ObjectStore], server_info: dict[str, str]
    ) -> None:
        """connect: creates the store; raises ConfigurationError if its library is missing."""
        settings = context.storage
        self.name = settings.name
        self.staging_fault = f"Error fetching files from {self.name}"
        self.secrets = (self.name,)
        self.creates = settings.create
        self._settings, self._own, self._storebase = settings, context.own, context.storebase
        self._connect, self._server_info = connect, server_info
        self._lock = Lock()
        self._store: ObjectStore | None = None
        self._created = not settings.create

    @property
    def server_info(self) -> dict[str, str]:
        """See Storage: the address of the store."""
        return self._server_info

    def store(self) -> ObjectStore:
        """Return the store; in development its container is created first. Raises Refused, Unreachable."""
        with self._lock:
            store = self._store = self._store or self._connect()
        if not self._created:  # two threads may do this: creating is idempotent
            Retrying().call(store.place, store.create_container)
            self._created = True
        return store

    def check(self) -> str:
        """See Storage. In development the container is created."""
        store = self._connect()
        try:
            if self._settings.create:
                store.create_container()
            store.check()
        except Transient as fault:
            raise Unreachable(f"{store.place}: {fault}") from None
        return store.place

    def write_secrets(self, *, beside: bool) -> None:
        """See Storage."""
        directory = self._storebase.secret_dir(self.name)
        write_credentials(self._own, directory, os.environ if beside else {})

    def plan(self, request: InputRequest, upload: Upload | None) -> "ObjectPlan":  # noqa: ARG002 - in-network
        """See Storage. Checks the paths only: the store is read when inputs are staged."""
        return ObjectPlan(self, request, self._settings.limits.free_bytes)

    def make_outputs(self, job: JobDir, request: InputRequest, user: User | None) -> None:
        """See Storage. Outputs of an earlier run of the job are removed: they are not this run's."""
        trashed = job.move_outgoing_to_trash()
        if trashed is not None:
            REMOVALS.add(f"remove outputs of {job.name}", partial(_remove, trashed))
        super().make_outputs(job, request, user)

    def outputs(self, job: JobDir, job_output_path: str | None) -> Outputs:
        """See Storage: a zip without ``job_output_path``, else a list; uploaded or not."""
        if job_output_path is None:
            return ZipOutputs(zip_chunks(job.path, job.outgoing.name, str(job.storebase.spool)))
        output_path("job_output_path", job_output_path)
        return ListedOutputs(job_output_path, path_texts(FileWalk(job.path, job.outgoing.name)))

    def deliver(self, job: JobDir, job_output_path: str, report: Callable[[str], None]) -> Delivered:
        """See Storage."""
        prefix = output_path("job_output_path", job_output_path)
        with upload_lock(job):
            return upload(self.store(), job, prefix, report)


class ObjectPlan(StagingPlan):
    """Input paths that may be fetched."""

    def __init__(self, storage: ObjectStorage, request: InputRequest, reserve: int) -> None:
        self._storage, self._reserve = storage, reserve
        self._inputs, self._output = request_paths(request)
        self.digest = paths_digest((self._inputs, self._output))

    def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
        """See StagingPlan. After an error, fetched files are kept for the next attempt, outside of ``incoming``."""
        return fetch(self._storage.store(), self._inputs, self._output, job, self._reserve, report)


def _remove(tree: Path) -> None:
    remove_tree(tree)


@contextlib.contextmanager
def upload_lock(job: JobDir, patience: float = UPLOAD_LOCK_WAIT) -> Iterator[None]:
    """Hold the lock for uploading a job's outputs, which all processes share: two uploads would send the same parts.

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
