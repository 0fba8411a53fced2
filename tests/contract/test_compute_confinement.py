"""The compute contract on every engine: what a job may not do."""

from pfcon.testing.compute.confinement import *  # noqa: F403 - its checks
