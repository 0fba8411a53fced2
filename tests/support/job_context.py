"""What the steps of a job's life work with, over the process engine and a database of the test's own."""

from pathlib import Path

from pfcon.archive.limits import UploadLimits
from pfcon.compute.base import ComputeEngine
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.jobs.kinds import KINDS
from pfcon.paths import StoreBase
from pfcon.records import Journal
from pfcon.records.database import connect
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import make_storage

from .settings import compute_settings

LIMITS = UploadLimits(0, 0, 0, 0, 0, 0)


def make_context(storebase: StoreBase, database: Path, engine: ComputeEngine, storage: str = "zipfile") -> JobContext:
    """Those of a service process. database: a directory."""
    innetwork = storage != "zipfile"
    settings = StorageSettings(storage, innetwork, storebase.root, LIMITS)
    return JobContext(
        options=compute_settings(),
        storage_settings=settings,
        storebase=storebase,
        kinds=KINDS,
        journal=Journal(lambda: connect(None, database)),
        storage=make_storage(settings, storebase),
        engine=engine,
        operations=engine,
        cancel_active=True,
    )


def leading_service(context: JobContext) -> JobService:
    """A started service of these that leads; its second look at the election is at its own row."""
    service = JobService(context)
    service.start()
    service.lead()
    service.lead()
    return service
