"""The storages that pfcon has."""

from typing import Any

from pfcon.errors import ConfigurationError
from pfcon.paths import StoreBase
from pfcon.settings.catalog import Catalog
from pfcon.settings.section import variables
from pfcon.storage.base import Storage
from pfcon.storage.credentials import Credentials
from pfcon.storage.description import StorageContext, StorageDescription
from pfcon.storage.descriptions import FILESYSTEM, FSLINK, ZIPFILE
from pfcon.storage.objects.s3.description import S3
from pfcon.storage.objects.swift.description import SWIFT
from pfcon.storage.settings import StorageSettings

STORAGES: Catalog[StorageDescription[Any]] = Catalog(
    variable="STORAGE_ENV",
    group="pfcon.storage",
    expected=StorageDescription,
    built_in=(ZIPFILE, FILESYSTEM, FSLINK, SWIFT, S3),
)


def default_storage(innetwork: bool) -> str:
    """Return the name of the storage that is used if STORAGE_ENV is not set."""
    return SWIFT.name if innetwork else ZIPFILE.name


def make_storage(settings: StorageSettings, storebase: StoreBase) -> Storage:
    """Create the storage that the settings name. Raises ConfigurationError if that is not possible."""
    storage: Storage = STORAGES.create(settings.name, StorageContext(settings, settings.own, storebase))
    if (found := getattr(storage, "name", None)) != settings.name:  # clients and operations use it
        reason = f"the storage that its package creates has the name {found!r}"
        raise ConfigurationError([f"STORAGE_ENV: got {settings.name!r}; {reason}"])
    return storage


def make_credentials(settings: StorageSettings, storebase: StoreBase) -> Credentials | None:
    """Return what operations need to use the storage; None for a storage without settings of its own."""
    has_settings = variables(STORAGES.find(settings.name).settings)
    return Credentials(settings.name, settings.own, storebase) if has_settings else None
