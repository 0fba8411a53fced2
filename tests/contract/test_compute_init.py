"""The compute contract on every engine: a job's command is not the first process of its container."""

from pfcon.testing.compute.init import *  # noqa: F403 - its checks
