"""A launcher of the site's own, SLURM_LAUNCHER_COMMAND, on a real cluster; and what `pfcon check` says of launchers."""

import pytest
from support.engines import slurm_cluster
from support.slurm import default_mode, launchers, leftovers, slurm_engine, slurm_harness

from pfcon.compute.slurm.template import template
from pfcon.errors import Refused
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


WITHOUT_FILE = (
    "env USER=root ch-run --private-tmp --env-no-expand --bind={source}:{target} --cd={cwd} {rootfs} -- {command}"
)


@pytest.mark.parametrize("launcher", [*launchers("plain"), "command"])
def test_no_program_of_the_node_loads_what_a_job_names(storebase: StoreBase, launcher: str) -> None:
    """The tests' image has no ld.so that would complain of a library that there is not; the node has."""
    harness = slurm_harness(storebase.root, "plain")
    command = template(WITHOUT_FILE) if launcher == "command" else None
    harness.engine = slurm_engine(slurm_cluster("plain"), storebase.root, launcher=launcher, command=command)
    env = (("LD_PRELOAD", "/none.so"), ("QUOTED", "'$HOME:x'"), ("LINES_", "one\n'two'"), ("HOME", "/nowhere"))
    spec = harness.shell('printf "%s|" "$LD_PRELOAD" "$QUOTED" "$LINES_" "$HOME"', env=env)
    info = harness.run(spec)
    log = harness.engine.logs(spec.name, 20)
    assert (info.status, log.strip()) == (JobStatus.SUCCEEDED, "/none.so|'$HOME:x'|one\n'two'|/nowhere|")
    harness.close()


def test_the_probe_names_what_the_node_lacks(storebase: StoreBase) -> None:
    conf = slurm_cluster(default_mode())
    assert "runs jobs with crun" in slurm_engine(conf, storebase.root).check()
    with pytest.raises(Refused, match="has no enroot"):
        slurm_engine(conf, storebase.root, launcher="enroot").check()
    if default_mode() == "plain":
        with pytest.raises(Refused, match="SLURM_LAUNCHER=podman needs ProctrackType=proctrack/cgroup"):
            slurm_engine(conf, storebase.root, launcher="podman").check()
    with pytest.raises(Refused, match="invalid partition"):
        slurm_engine(conf, storebase.root, partition="nowhere").check()
    assert not leftovers("pfcon-check")
