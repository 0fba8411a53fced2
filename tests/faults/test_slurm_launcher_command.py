"""A launcher of the site's own, SLURM_LAUNCHER_COMMAND, on a real cluster."""

import pytest
from support.engines import slurm_cluster
from support.slurm import default_mode, slurm_engine, slurm_harness

from pfcon.compute.slurm.template import template
from pfcon.models import JobStatus
from pfcon.paths import StoreBase

pytestmark = pytest.mark.engine("slurm")
COMMAND = (
    "env USER=root ch-run --private-tmp --unset-env=* --set-env={env_file} --env-no-expand "
    "--bind={source}:{target} --cd={cwd} {rootfs} -- {command}"
)


def test_its_jobs_have_their_files_variables_and_status(storebase: StoreBase) -> None:
    harness = slurm_harness(storebase.root)
    harness.engine = slurm_engine(
        slurm_cluster(default_mode()), storebase.root, launcher="command", command=template(COMMAND)
    )
    script = 'cat "$2"/in.txt; echo "$WORD" >"$1"/made; exit 3'
    spec = harness.shell(script, "/share/incoming", env=(("WORD", "$(id) b"),))
    harness.incoming(spec).joinpath("in.txt").write_text("staged\n")
    info = harness.run(spec)
    assert info.status is JobStatus.FAILED, info
    log = harness.engine.logs(spec.name, 9)
    assert (info.message, log) == ("the program failed with exit code 3", "staged\n")
    assert harness.outgoing(spec).joinpath("made").read_text() == "$(id) b\n"
    harness.close()
