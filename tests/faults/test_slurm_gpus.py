"""GPUs on a real Slurm whose two GPUs are not real: files of devices that exist on every machine."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.engines import slurm_cluster
from support.generation import TODAY
from support.slurm import slurm_engine, slurm_harness

from pfcon.compute.slurm.image_name import ImageName
from pfcon.errors import Refused
from pfcon.models import JobStatus, Resources, User
from pfcon.paths import StoreBase

pytestmark = pytest.mark.engine("slurm")
ONE = Resources(gpus=1, memory=100)
HOOK = """#!/bin/sh
# as NVIDIA's hook, it changes the container's root file system, whose path is in the bundle of the state on its input
bundle=$(sed -n 's/.*"bundle": *"\\([^"]*\\)".*/\\1/p' | tr -d '\\\\')
echo made >"$bundle/rootfs/usr/made-by-hook"
"""
SHOW = (
    'echo "$CUDA_VISIBLE_DEVICES $FROM_CDI"; cat /usr/lib/fake/libgpu.so.1 /usr/made-by-hook; '
    "for number in 0 1; do if (: </dev/gpu$number); then echo open; else echo closed; fi; done 2>/dev/null; "
    'touch /usr/x "$2/x" 2>/dev/null || echo read-only'
)


@pytest.fixture
def cdi(tmp_path: Path) -> Path:
    """A CDI file with the cluster's devices, a library and a hook."""
    tmp_path.chmod(0o755)
    devices = Path(slurm_cluster("cgroup")).parent / "dev"
    (tmp_path / "libgpu.so").write_text("library\n")
    (tmp_path / "hook").write_text(HOOK)
    (tmp_path / "hook").chmod(0o755)
    nodes = [{"path": f"/dev/gpu{number}", "hostPath": f"{devices}/gpu{number}"} for number in (0, 1)]
    library = {"hostPath": f"{tmp_path}/libgpu.so", "containerPath": "/usr/lib/fake/libgpu.so.1"}
    hook = {"hookName": "createContainer", "path": f"{tmp_path}/hook", "args": ["hook"]}
    document = {
        "cdiVersion": "0.6.0",
        "kind": "example.org/gpu",
        "devices": [{"name": "all", "containerEdits": {"deviceNodes": nodes}}],
        "containerEdits": {"env": ["FROM_CDI=1"], "mounts": [library], "hooks": [hook]},
    }
    file = tmp_path / "gpus.json"
    file.write_text(json.dumps(document))
    return file


@pytest.mark.parametrize("launcher", ["crun", "runc"])
@pytest.mark.parametrize("user", [None, User(1234, 2345)], ids=["root", "user"])
def test_a_job_has_what_the_cdi_file_names_and_opens_its_own_gpu_alone(
    storebase: StoreBase, cdi: Path, launcher: str, user: User | None
) -> None:
    harness = slurm_harness(storebase.root, "cgroup", launcher)
    harness.engine = slurm_engine(slurm_cluster("cgroup"), storebase.root, launcher=launcher, cdi=cdi)
    spec = harness.shell(SHOW, "/share/incoming", resources=ONE, user=user)
    info = harness.run(spec)
    log = harness.engine.logs(spec.name, 20).splitlines()
    assert info.status is JobStatus.SUCCEEDED, (info, log)
    assert log == ["0 1", "library", "made", "open", "closed", "read-only"]  # the last one of inputs
    assert not [*harness.incoming(spec).iterdir()]
    name = ImageName.parse(spec.image)  # the harness's own: others are beside it
    image = Path(os.environ["PFCON_TEST_SLURM_IMAGES"], name.path, "rootfs/usr")
    assert image.is_dir()
    assert not [name for name in ("made-by-hook", "x", "lib/fake") if (image / name).exists()]
    without = harness.shell(SHOW, "/share/incoming", resources=replace(ONE, gpus=0))
    harness.run(without)
    log = harness.engine.logs(without.name, 20).splitlines()
    assert [line for line in log if "No such file" not in line] == [" ", "closed", "closed", "read-only"]
    harness.close()


@pytest.mark.parametrize("launcher", ["crun", "runc"])
def test_without_a_cdi_file_gpus_are_refused(storebase: StoreBase, launcher: str) -> None:
    harness = slurm_harness(storebase.root, "cgroup", launcher)
    with pytest.raises(Refused, match=f"gpu_limit: SLURM_LAUNCHER={launcher} can't .*, crun with SLURM_CDI"):
        harness.engine.schedule(harness.shell("exit 0", resources=ONE))


@pytest.mark.skipif(not TODAY, reason="Podman and Apptainer are in the newer generation")
@pytest.mark.parametrize("launcher", ["apptainer"])
def test_which_gpus_a_job_may_use_reaches_it(storebase: StoreBase, launcher: str) -> None:
    harness = slurm_harness(storebase.root, "cgroup", launcher)
    specs = [
        harness.shell('echo "$CUDA_VISIBLE_DEVICES"', resources=ONE, env=env)
        for env in ((), (("CUDA_VISIBLE_DEVICES", "own"),))
    ]
    assert [harness.run(spec).status for spec in specs] == [JobStatus.SUCCEEDED] * 2
    assert [harness.engine.logs(spec.name, 9).splitlines()[-1] for spec in specs] == ["0", "own"]
    harness.close()
