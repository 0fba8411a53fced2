"""Which jobs on an engine are pfcon's own."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.compute import make_harness

from pfcon.compute.signing import KEY_NAME, Signer
from pfcon.errors import Absent
from pfcon.models import JobStatus
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness


def test_a_signature_is_of_one_name_and_one_request(storebase: StoreBase) -> None:
    signer = Signer(storebase)
    made = signer.sign("z-copy", "digest.claim")
    assert signer.has_signed("z-copy", made)
    assert not any(signer.has_signed(*pair) for pair in [("z", made), ("z-copy", "digest.claim"), ("z-copy", "")])
    assert not signer.has_signed("z-copy", made.replace("digest", "another"))


def test_all_services_of_a_storebase_make_one_key_that_only_they_can_read(storebase: StoreBase) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: Signer(storebase).sign("j", "r"), range(32)))
    assert len(made) == 1
    assert (storebase.private / KEY_NAME).stat().st_mode & 0o777 == 0o600
    assert not [path.name for path in storebase.private.iterdir() if path.name.startswith(".job-signing")]


def test_what_is_not_mine_is_neither_cancelled_nor_removed(storebase: StoreBase) -> None:
    compute: Harness = make_harness("process", storebase.root)
    spec = dataclasses.replace(compute.shell("sleep 600"), request="forged.request")
    compute.engine.schedule(spec)
    signer = Signer(storebase)

    def mine(request: str) -> bool:
        return signer.has_signed(spec.name, request)

    with pytest.raises(Absent):
        compute.engine.cancel(spec.name, mine)
    compute.engine.remove(spec.name, mine)
    assert compute.engine.info(spec.name).status is JobStatus.STARTED
    compute.close()
