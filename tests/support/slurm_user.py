"""Slurm jobs of an ordinary user, for tests that run as root."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness

from .engines import slurm_cluster
from .slurm import as_user, default_mode, slurm_engine, slurm_harness

OTHER = 1  # the uid and gid of `daemon`, an ordinary user of every Debian


@contextmanager
def acting_as(number: int) -> Iterator[None]:
    """This process's files, for a moment, are those of another user."""
    os.setegid(number)
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def ordinary_harness(storebase: StoreBase, launcher: str) -> Harness:
    """An engine whose jobs that user submits; skips the test if this process can't become that user."""
    conf = slurm_cluster(default_mode())
    if os.geteuid() != 0:
        pytest.skip("to be another user takes root")
    os.chown(storebase.root, OTHER, OTHER)
    harness = slurm_harness(storebase.root, launcher=launcher)
    harness.engine = slurm_engine(conf, storebase.root, prefix=as_user(conf, OTHER), launcher=launcher)
    return harness
