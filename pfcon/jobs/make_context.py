"""Creates the objects that the steps of a job's life use, from the settings."""

from pfcon.compute.engines import former_operations_engine, make_engine, operations_engine
from pfcon.configuration import Settings
from pfcon.configuration.model import DeleteActive
from pfcon.jobs.change_log import log_change
from pfcon.jobs.context import JobContext
from pfcon.jobs.kinds import KINDS
from pfcon.jobs.measuring.changes import count_change
from pfcon.jobs.measuring.engine_calls import measure
from pfcon.paths import StoreBase
from pfcon.records import Change, Journal
from pfcon.records.database import connect
from pfcon.storage.storages import make_credentials, make_storage


def _tell(change: Change) -> None:
    try:
        log_change(change)
    finally:
        count_change(change)


def make_context(settings: Settings, storebase: StoreBase) -> JobContext:
    """Return the context of a service process. Opens no connection and starts no thread.

    Raises ConfigurationError when the engine or the storage is missing.
    """
    engine = measure(make_engine(settings.compute, storebase, settings.server.workers))
    operations = operations_engine(settings.compute, storebase, engine)
    return JobContext(
        options=settings.compute,
        storage_settings=settings.storage,
        storebase=storebase,
        kinds=KINDS,
        journal=Journal(lambda: connect(settings.database_url, storebase.private_dir("records")), tell=_tell),
        storage=make_storage(settings.storage, storebase),
        engine=engine,
        operations=operations if operations is engine else measure(operations),
        cancel_active=settings.delete_active is DeleteActive.CANCEL,
        credentials=make_credentials(settings.storage, storebase),
        limits=settings.active,
        retention=settings.retention,
        former_operations=former_operations_engine(settings.compute, storebase, engine),
        processes=settings.server.workers,
    )
