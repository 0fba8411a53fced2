"""The object stores by name, each imported, with its library, when it is asked for."""

from pfcon.errors import ConfigurationError
from pfcon.settings.model import StorageSettings
from pfcon.storage.objects.store import ObjectStore


def make_store(settings: StorageSettings) -> ObjectStore:
    """The object store of STORAGE_ENV. Raises ConfigurationError when there is none, or its library is missing."""
    if settings.swift is not None:
        from pfcon.storage.objects.swift import SwiftStore

        return SwiftStore(settings.swift)
    if settings.s3 is not None:
        from pfcon.storage.objects.s3 import S3Store

        return S3Store(settings.s3)
    raise ConfigurationError([f"STORAGE_ENV: {settings.name.value} is no object store"])
