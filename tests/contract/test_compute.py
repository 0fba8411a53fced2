"""The compute contract on every engine: the life of a job."""

from pfcon.testing.compute.life import *  # noqa: F403 - its checks
