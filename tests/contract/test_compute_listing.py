"""The compute contract on every engine: the lists of all jobs."""

from pfcon.testing.compute.listing import *  # noqa: F403 - its checks
