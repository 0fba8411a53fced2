"""All of the storage contract: for ``import *`` into a test module, and as a list."""

from collections.abc import Callable

from pfcon.testing.storage import inputs, outputs
from pfcon.testing.storage.harness import StorageHarness

Check = Callable[[StorageHarness], None]

TOPICS = (inputs, outputs)
CONTRACT: list[Check] = [getattr(topic, name) for topic in TOPICS for name in topic.__all__]
"""Each check is a test function that takes a StorageHarness."""

globals().update({check.__name__: check for check in CONTRACT})
__all__ = [check.__name__ for check in CONTRACT]
