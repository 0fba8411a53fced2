"""The compute contract on every engine: what a job sees, and what its log tells."""

from pfcon.testing.compute.jobs import *  # noqa: F403 - its checks
