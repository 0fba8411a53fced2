"""The compute contract on every engine: the workers of a job."""

from pfcon.testing.compute.workers import *  # noqa: F403 - its checks
