"""make.sh and unmake.sh with the cluster that kubectl reaches."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.deployment import NETWORK, OWNER, Kubectl
from support.engines import op_image
from support.live import LiveServer
from support.ports import free_port
from support.shell import REPOSITORY, run

FAKES = REPOSITORY / "tests/fakes"
VERSION = "*'version --client'*) echo 'Kustomize Version: v5.6.0' ;;"
ANSWERS = f"""{VERSION}
*current-context*) echo here ;;
*' version '*) echo 'Server Version: v1.34.0' ;;"""
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def make(checkout: Path, tmp_path: Path) -> Call:
    """make.sh -O kubernetes with a kubectl that answers as the branches of a shell's ``case`` say, and fails else."""

    def call(branches: str, *words: str, **env: Any) -> subprocess.CompletedProcess[str]:
        program = tmp_path / "bin/kubectl"
        program.parent.mkdir(exist_ok=True)
        asked = f'echo "$*" >>"{tmp_path}/asked"'
        program.write_text(f'#!/bin/sh\n{asked}\ncase " $* " in\n{branches}\n*) echo no answer >&2; exit 1 ;;\nesac\n')
        program.chmod(0o755)
        path = f"{program.parent}:{os.environ['PATH']}"
        return run(checkout / "make.sh", "-O", "kubernetes", *words, cwd=tmp_path, PATH=path, **env)

    return call


@pytest.mark.parametrize(
    ("branches", "told"),
    [
        ("*' version '*) echo 'Client Version: v1.20.0' ;;", "kubectl is too old: it has to be 1.27 or newer"),
        (VERSION, "kubectl knows no cluster: choose one (kubectl config use-context NAME)"),
        (f"{VERSION}\n*current-context*) echo here ;;", "The cluster of context here does not answer:\nno answer\n"),
        (f"{ANSWERS}\n*jsonpath*) echo other ;;\n*'get namespace '*) echo namespace/pfcon-dev ;;", "did not make"),
        (f"{ANSWERS}\n*'get namespace '*) ;;\n*storageclass*) ;;", "no default storage class"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_told_with_what_to_do(
    make: Call, checkout: Path, tmp_path: Path, branches: str, told: str
) -> None:
    done = make(branches)
    assert done.returncode == 1
    assert told in done.stderr
    assert not (checkout / ".pfcon-dev").exists()
    assert "apply" not in (tmp_path / "asked").read_text()


def test_a_directory_of_one_of_several_nodes_is_refused(make: Call) -> None:
    done = make(f"{ANSWERS}\n*'get namespace '*) ;;\n*' nodes '*) printf 'node/a\\nnode/b\\n' ;;", "-S", "/srv/x")
    assert done.returncode == 1
    assert "it has several" in done.stderr


def test_without_a_way_to_put_an_image_on_the_nodes_a_registry_is_asked_for(make: Call) -> None:
    default = """*storageclass*) echo '{"storageclass.kubernetes.io/is-default-class":"true"}' ;;"""
    done = make(f"{ANSWERS}\n*'get namespace '*) ;;\n{default}\n*' nodes '*) echo containerd ;;")
    assert done.returncode == 1
    assert "set PFCON_IMAGE to its name" in done.stderr


def test_kind_gets_an_image_that_is_built_and_zips_travel_through_the_forwarded_port(
    make: Call, checkout: Path, tmp_path: Path
) -> None:
    """A made-up cluster, whose port leads to a real service of this machine."""
    (tmp_path / "bin").mkdir()
    for name in ("docker", "kind"):
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"{tmp_path}/asked"\n')
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "storeBase").mkdir()
    port = str(free_port())
    with LiveServer(tmp_path / "storeBase") as server:
        branches = f"""{VERSION}
*current-context*) echo kind-try ;;
*' version '*) echo 'Server Version: v1.34.0' ;;
*storageclass*) echo '{{"storageclass.kubernetes.io/is-default-class":"true"}}' ;;
*port-forward*) exec "$PYTHON" "{FAKES}/forward.py" {port} {server.port} ;;
*) ;;"""
        done = make(branches, "-p", port)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "| letters/greek.txt: 4 words" in done.stdout
        again = make(branches, "-p", port, "-U")
        assert again.returncode == 0, again.stderr
        path = f"{tmp_path}/bin:{os.environ['PATH']}"
        gone = run(checkout / "unmake.sh", cwd=tmp_path, PATH=path)
    assert gone.returncode == 0, gone.stderr
    assert "stopped kubectl port-forward" in gone.stdout
    asked = (tmp_path / "asked").read_text()
    assert "docker build --quiet --tag local/pfcon:1 ." in asked
    assert "kind load docker-image local/pfcon:1 --name try" in asked
    assert "docker image rm local/pfcon:1" in asked
    assert "rollout status deployment/pfcon" in asked
    assert "delete namespace" not in asked  # none there has this clone's label


@pytest.fixture
def cluster(checkout: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of scripts for the tests' cluster; what they leave there is removed."""
    image, real = op_image("kubernetes"), Kubectl()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubectl").symlink_to(FAKES / "kubectl.sh")
    shutil.copy(FAKES / "forward.py", tmp_path / "bin")
    port, server = free_port(), urlsplit(real.server)
    (tmp_path / "patch").write_text(NETWORK.format(port=port, host=server.hostname, api=server.port).lstrip("\n"))
    yield {
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        "KUBECONFIG": real.kubeconfig,
        "KUBECTL_REAL": real.program,
        "KUBECTL_PATCH": str(tmp_path / "patch"),
        "KUBECTL_PORT": str(port),
        "PFCON_IMAGE": image,
    }
    for words in (("namespace", "pfcon-dev"), ("persistentvolume", "pfcon-dev-storebase")):
        real("delete", *words, "--ignore-not-found", "--wait=false")


@pytest.mark.engine("kubernetes")
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_make_runs_the_sample_on_a_cluster_and_unmake_leaves_nothing(
    checkout: Path, cluster: dict[str, Any], tmp_path: Path
) -> None:
    """In-network: the operations are Jobs, and the sample's files are where only pods reach them."""
    with tempfile.TemporaryDirectory(prefix="pfcon-cluster-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        os.chown(root, OWNER, OWNER)
        port = str(free_port())
        words = ("-O", "kubernetes", "-N", "-F", "fslink", "-S", name, "-p", port)
        done = run(checkout / "make.sh", *words, cwd=tmp_path, timeout=400, **cluster)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "storage fslink, jobs on kubernetes" in done.stdout
        assert "| letters/greek.txt: 4 words" in done.stdout
        assert f"at http://127.0.0.1:{port}/api/v1/ here" in done.stdout

        other = run(checkout / "make.sh", *words, "-F", "filesystem", cwd=tmp_path, **cluster)
        assert other.returncode == 1
        assert "with other options" in other.stderr

        gone = run(checkout / "unmake.sh", cwd=tmp_path, timeout=400, **cluster)
        assert gone.returncode == 0, gone.stderr
        assert 'namespace "pfcon-dev" deleted' in gone.stdout
        assert 'persistentvolume "pfcon-dev-storebase" deleted' in gone.stdout
        assert not (checkout / ".pfcon-dev").exists()
        assert root.is_dir()
