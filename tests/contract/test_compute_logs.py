"""The compute contract on every engine: whole logs."""

from pfcon.testing.compute.logs import *  # noqa: F403 - its checks
