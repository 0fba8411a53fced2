"""Options of jobs on a real pool of HTCondor: what the contract does not show."""

from dataclasses import replace

import pytest
from support.engines import htcondor_pool
from support.htcondor import htcondor_engine, htcondor_harness

from pfcon.models import JobStatus, User
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.waiting import eventually

pytestmark = pytest.mark.engine("htcondor")


@pytest.mark.parametrize("launcher", ["crun", "charliecloud"])
def test_a_job_sees_its_user_and_is_the_submitter_on_its_machine(storebase: StoreBase, launcher: str) -> None:
    harness = htcondor_harness(storebase.root, launcher)
    spec = replace(harness.shell('id -u; id -g; touch "$1"/made'), user=User(1234, 2345))
    info = harness.run(spec)
    assert (info.status, harness.engine.logs(spec.name, 9)) == (JobStatus.SUCCEEDED, "1234\n2345\n"), info
    plain = harness.shell('touch "$1"/made')
    harness.run(plain)
    owners = {harness.outgoing(job).joinpath("made").stat().st_uid for job in (spec, plain)}
    assert len(owners) == 1
    harness.close()


def test_a_job_runs_on_a_machine_with_the_labels_or_waits_and_its_message_names_the_setting(
    storebase: StoreBase,
) -> None:
    harness = htcondor_harness(storebase.root)
    harness.engine = htcondor_engine(htcondor_pool(), storebase.root, node_selector=(("OpSys", "LINUX"),))
    assert harness.run(harness.shell("exit 0")).status is JobStatus.SUCCEEDED
    selector = (("PoolDisk", "ssd"), ("Rack", "r 1"))
    harness.engine = htcondor_engine(htcondor_pool(), storebase.root, node_selector=selector)
    spec = harness.shell("exit 0")
    harness.engine.schedule(spec)
    assert eventually(lambda: "NODE_SELECTOR" in harness.engine.info(spec.name).message)
    info = harness.engine.info(spec.name)
    assert (info.status, info.reason) == (JobStatus.NOT_STARTED, Reason.UNSCHEDULABLE)
    assert info.message.endswith("no machine has the labels PoolDisk=ssd, Rack=r 1 (NODE_SELECTOR)")
    harness.close()
