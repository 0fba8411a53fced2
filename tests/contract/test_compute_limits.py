"""The compute contract on every engine: the time limit of a job."""

from pfcon.testing.compute.limits import *  # noqa: F403 - its checks
