"""The storages by name, each imported when it is asked for."""

from collections.abc import Callable

from pfcon.errors import ConfigurationError
from pfcon.paths import StoreBase
from pfcon.settings.model import StorageName, StorageSettings
from pfcon.storage.base import Storage


def _zipfile(settings: StorageSettings, storebase: StoreBase) -> Storage:
    from pfcon.storage.zipfile import ZipfileStorage

    return ZipfileStorage(settings.limits, lambda: storebase.spool)


def _filesystem(settings: StorageSettings, storebase: StoreBase) -> Storage:  # noqa: ARG001 - it copies next to nothing
    from pfcon.storage.filesystem import FilesystemStorage

    return FilesystemStorage(storebase)


def _fslink(settings: StorageSettings, storebase: StoreBase) -> Storage:
    from pfcon.storage.fslink import FslinkStorage

    return FslinkStorage(storebase, settings.limits)


def _object_store(settings: StorageSettings, storebase: StoreBase) -> Storage:
    from pfcon.storage.object_store import ObjectStorage

    return ObjectStorage(settings, storebase)


_STORAGES: dict[StorageName, Callable[[StorageSettings, StoreBase], Storage]] = {
    StorageName.ZIPFILE: _zipfile,
    StorageName.FILESYSTEM: _filesystem,
    StorageName.FSLINK: _fslink,
    StorageName.SWIFT: _object_store,
    StorageName.S3: _object_store,
}


def make_storage(settings: StorageSettings, storebase: StoreBase) -> Storage:
    """The storage of STORAGE_ENV. Raises ConfigurationError for one there is not."""
    factory = _STORAGES.get(settings.name)
    if factory is None:
        there = ", ".join(sorted(_STORAGES))
        raise ConfigurationError(
            [f"STORAGE_ENV: this version of pfcon has no storage {settings.name.value!r}; it has {there}"]
        )
    return factory(settings, storebase)
