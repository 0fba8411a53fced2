"""The contract of storages (pfcon/storage/base.py)."""

from pfcon.testing.storage.contract import CONTRACT, Check
from pfcon.testing.storage.harness import REQUEST, StorageCapabilities, StorageHarness

__all__ = ["CONTRACT", "REQUEST", "Check", "StorageCapabilities", "StorageHarness"]
