"""The compute contract on every engine: what a job may use, its image and its workers."""

from pfcon.testing.compute.needs import *  # noqa: F403 - its checks
