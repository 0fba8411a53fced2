"""What Slurm tells the workers of a job, on a real cluster."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from support.engines import slurm_cluster
from support.slurm import default_mode, slurm_engine, slurm_harness

from pfcon.models import JobStatus, Resources
from pfcon.paths import StoreBase

TOLD = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_JOB_NODELIST", "SLURM_JOB_ID")


@pytest.mark.engine("slurm")
@pytest.mark.parametrize("launcher", ["crun", "charliecloud"])
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_have_what_srun_tells_a_task_and_nothing_else_of_the_node(
    storebase: StoreBase, launcher: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIED", "of the service")
    slurm = slurm_harness(storebase.root, launcher=launcher)
    script = 'env | sort >"$1/env-$PFCON_WORKER"; hostname >"$1/host-$PFCON_WORKER"'
    spec = slurm.shell(script, env=(("SLURM_NODEID", "own"),), resources=Resources(workers=workers))
    info = slurm.run(spec)
    assert info.status is JobStatus.SUCCEEDED, info.message
    found = [variables(slurm.outgoing(spec) / f"env-{number}") for number in range(workers)]
    assert [env["SLURM_PROCID"] for env in found] == [str(number) for number in range(workers)]
    for env in found:
        assert set(TOLD) <= set(env)
        assert env["SLURM_NTASKS"] == env["PFCON_WORKERS"] == str(workers)
        assert env["SLURM_NODEID"] == "own"
        assert "TRIED" not in env
    hosts = {(slurm.outgoing(spec) / f"host-{number}").read_text() for number in range(workers)}
    assert len(hosts) == workers
    slurm.close()


REACH = """
import os, socket
for variable in ("PMIX_SERVER_URI2", "PMIX_SERVER_URI21"):
    address, port = os.environ[variable].partition("://")[2].split(":")
    socket.create_connection((address, int(port)), 10).close()
mounted = [line.split()[4] for line in open("/proc/self/mountinfo")]
directory = os.environ["PMIX_SERVER_TMPDIR"]
os.listdir(directory)  # it may be empty: PMIx 5 has nothing there before it is used
print(os.environ["PMIX_RANK"], directory.rstrip("/") in mounted, flush=True)
"""


@pytest.mark.engine("slurm")
@pytest.mark.parametrize("launcher", ["crun", "runc"])
def test_with_pmix_each_worker_has_a_rank_and_reaches_the_server_of_its_node(
    storebase: StoreBase, launcher: str
) -> None:
    conf = slurm_cluster(default_mode())
    tried = subprocess.run(
        ["srun", "--mpi=pmix", "true"],
        env={**os.environ, "SLURM_CONF": conf},
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        pytest.skip(f"no PMIx: Debian's plugin needs libpmix-dev, and slurmd a restart after that: {tried.stderr}")
    slurm = slurm_harness(storebase.root, launcher=launcher)
    slurm.engine = slurm_engine(conf, storebase.root, launcher=launcher, mpi="pmix")
    spec = slurm.spec(["python3", "-c", REACH], resources=Resources(workers=2))
    info = slurm.run(spec)
    assert info.status is JobStatus.SUCCEEDED, (info.message, slurm.engine.logs(spec.name, 50))
    assert sorted(slurm.engine.logs(spec.name, 50).splitlines()) == ["0 True", "1 True"]
    slurm.close()


def variables(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))
