"""The compute contract on every engine: whether a job that failed was ended from outside."""

from pfcon.testing.compute.interruptions import *  # noqa: F403 - its checks
