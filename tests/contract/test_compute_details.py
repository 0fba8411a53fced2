"""The compute contract on every engine: when, where and with what a job ran, and its exit code."""

from pfcon.testing.compute.details import *  # noqa: F403 - its checks
