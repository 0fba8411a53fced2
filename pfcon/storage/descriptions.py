"""Descriptions of the storages that have no settings of their own."""

from pfcon.settings.section import NoSettings
from pfcon.storage.base import Storage
from pfcon.storage.description import StorageContext, StorageDescription


def _zipfile(context: StorageContext[NoSettings]) -> Storage:
    from pfcon.storage.zipfile import ZipfileStorage

    return ZipfileStorage(context.storage.limits, lambda: context.storebase.spool)


def _filesystem(context: StorageContext[NoSettings]) -> Storage:
    from pfcon.storage.filesystem import FilesystemStorage

    return FilesystemStorage(context.storebase)


def _fslink(context: StorageContext[NoSettings]) -> Storage:
    from pfcon.storage.fslink import FslinkStorage

    return FslinkStorage(context.storebase, context.storage.limits)


ZIPFILE = StorageDescription("zipfile", "zips that clients send and fetch", _zipfile, innetwork=False)
FILESYSTEM = StorageDescription("filesystem", "directories of storeBase, which jobs see in place", _filesystem)
FSLINK = StorageDescription("fslink", "directories of storeBase, copied, with ChRIS link files followed", _fslink)
