"""A launcher of the site's own, HTCONDOR_LAUNCHER_COMMAND, on a real pool."""

import pytest
from support.engines import htcondor_pool
from support.htcondor import htcondor_engine, htcondor_harness

from pfcon.compute.slurm.template import template
from pfcon.errors import Refused
from pfcon.models import JobStatus, Resources
from pfcon.paths import StoreBase

pytestmark = pytest.mark.engine("htcondor")
COMMAND = (
    "env USER=root ch-run --private-tmp --unset-env=* --set-env={env_file} --env-no-expand "
    "--bind={source}:{target} --cd={cwd} {rootfs} -- {command}"
)


def test_the_workers_of_its_jobs_have_their_files_variables_and_status(storebase: StoreBase) -> None:
    harness = htcondor_harness(storebase.root)
    harness.engine = htcondor_engine(htcondor_pool(), storebase.root, launcher="command", command=template(COMMAND))
    script = 'cat "$2"/in.txt; echo "$WORD $PFCON_WORKER" >"$1/made-$PFCON_WORKER"; [ "$PFCON_WORKER" -eq 0 ] || exit 3'
    spec = harness.shell(script, "/share/incoming", env=(("WORD", "$(id) b"),), resources=Resources(workers=2))
    harness.incoming(spec).joinpath("in.txt").write_text("staged\n")
    info = harness.run(spec)
    assert info.status is JobStatus.FAILED, info
    assert info.message == "worker 2 of 2: the program failed with exit code 3"
    assert "== worker 2 ==\nstaged\n" in harness.engine.logs(spec.name, 9)
    assert harness.outgoing(spec).joinpath("made-1").read_text() == "$(id) b 1\n"
    harness.close()


def test_the_probe_names_the_program_that_the_node_lacks(storebase: StoreBase) -> None:
    command = template("pfcon-no-such-launcher {source}:{target} {rootfs} {command}")
    engine = htcondor_engine(htcondor_pool(), storebase.root, launcher="command", command=command)
    with pytest.raises(Refused, match="has no pfcon-no-such-launcher"):
        engine.check()
