"""Copying a stream of files: processes that are killed while they do it."""

import os
import random

import pytest
from support.copies import run_child
from support.files import fill

from pfcon.models import JobId
from pfcon.paths import JobDir, StoreBase
from pfcon.testing.files import tree

RANDOM = os.urandom(1 << 20)


@pytest.fixture
def job(storebase: StoreBase) -> JobDir:
    return storebase.job(JobId("j1"))


@pytest.mark.slow
def test_killed_at_random_moments_a_copy_never_looks_complete_and_a_later_one_is(job: JobDir) -> None:
    rng = random.Random(7)
    names = [f"in/d{n % 20}/e{n % 3}/f{n}" for n in range(800)]
    for n, name in enumerate(names):
        fill(job.storebase.root, name, data=RANDOM[n : n + 7000])
    fill(job.storebase.root, "in/big", "in/d3/big", data=RANDOM * 30)
    wanted = {name.removeprefix("in/"): (job.storebase.root / name).read_bytes() for name in [*names, "in/big"]}
    wanted["d3/big"] = wanted["big"]
    kills, latest = 0, 0.12  # seconds
    while kills < 10 or not any(job.path.rglob("f*")):  # and the last one leaves something
        run_child(job.storebase.root, rng.uniform(0, latest))
        if job.incoming.exists():  # it was faster
            assert tree(job.incoming) == wanted
            job.unstage()
            latest *= 0.8
        else:
            kills += 1
    told = run_child(job.storebase.root, None)
    assert "were reused from an earlier attempt" in told
    assert tree(job.incoming) == wanted
    assert [path.name for path in job.path.iterdir()] == ["incoming"]
