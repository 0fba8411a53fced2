"""The compute contract on every engine: what is told of a job only ever moves on."""

from pfcon.testing.compute.order import *  # noqa: F403 - its checks
