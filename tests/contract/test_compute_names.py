"""The compute contract on every engine: whose job a name is."""

from pfcon.testing.compute.names import *  # noqa: F403 - its checks
