"""The compute contract on every engine: what a job may use, and its image."""

from pfcon.testing.compute.needs import *  # noqa: F403 - its checks
