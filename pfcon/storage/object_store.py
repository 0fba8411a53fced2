"""Storages ``swift`` and ``s3``: inputs are fetched from a container of objects, outputs are uploaded to it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from pfcon.archive.zip_stream import zip_chunks
from pfcon.background import REMOVALS
from pfcon.errors import Unreachable
from pfcon.files.removal import remove_tree
from pfcon.files.walk import FileWalk
from pfcon.models import InputRequest, User
from pfcon.paths import JobDir
from pfcon.storage.base import Delivered, ListedOutputs, Outputs, Staged, StagingPlan, Storage, Upload, ZipOutputs
from pfcon.storage.description import StorageContext
from pfcon.storage.innetwork import output_path, path_texts, paths_digest, request_paths
from pfcon.storage.objects.download.fetch import fetch
from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import ObjectStore, Transient
from pfcon.storage.objects.upload.outputs import upload
from pfcon.storage.upload_lock import upload_lock


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
        self._settings = settings
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
