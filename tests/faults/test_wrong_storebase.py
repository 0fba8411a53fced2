"""A job never runs where the engine mounts another directory than the one that this service sees."""

import os
import shutil
import uuid
from pathlib import Path, PurePosixPath

import pytest
from support.compute import make_harness
from support.engines import docker_url, podman_rootless_url, podman_url
from support.kubernetes import NAMESPACE, KubernetesHarness
from support.settings import compute_settings, docker_at

from pfcon.compute.docker.engine import DockerEngine
from pfcon.compute.kubernetes.pod_ends import OTHER_CLAIM
from pfcon.compute.store_mark import HERE, StoreMark
from pfcon.errors import Refused, Unreachable
from pfcon.models import JobStatus
from pfcon.paths import MARKS_NAME, StoreBase
from pfcon.testing.compute.harness import Harness

CONTAINERS = {"docker": docker_url, "podman": podman_url, "podman-rootless": podman_rootless_url}
ENGINES = [pytest.param(name, marks=pytest.mark.engine(name)) for name in CONTAINERS]


def at_another_place(name: str, storebase: StoreBase, root: Path) -> Harness:
    """The engine, told that storeBase is at ``root`` on its host."""
    harness = make_harness(name, storebase.root)
    settings = compute_settings(storebase=PurePosixPath(root), own=docker_at(CONTAINERS[name]()))
    harness.engine = DockerEngine(settings, settings.own, storebase.root, stop_grace=2)
    return harness


@pytest.mark.parametrize("name", ENGINES)
def test_a_directory_that_there_is_not_is_refused(name: str, storebase: StoreBase, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    harness = at_another_place(name, storebase, tmp_path / "wrong")
    with pytest.raises(Refused, match="is not the storeBase that this service sees"):
        harness.engine.schedule(harness.spec(["true"]))
    harness.close()


@pytest.mark.parametrize("name", ENGINES)
def test_a_directory_that_has_all_but_the_mark_is_refused(name: str, storebase: StoreBase, tmp_path: Path) -> None:
    """As that of another service, or an old copy."""
    tmp_path.chmod(0o755)
    harness = at_another_place(name, storebase, tmp_path / "copy")
    spec = harness.spec(["true"])
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy").joinpath(MARKS_NAME).mkdir()
    shutil.copytree(storebase.job(spec.jid).path, tmp_path / "copy" / storebase.job(spec.jid).path.name)
    with pytest.raises(Refused, match="is not the storeBase that this service sees"):
        harness.engine.schedule(spec)
    harness.close()


@pytest.mark.parametrize("name", ENGINES)
def test_the_right_directory_is_looked_at_once_and_leaves_no_container(name: str, storebase: StoreBase) -> None:
    harness = make_harness(name, storebase.root)
    for _ in range(2):
        assert harness.run(harness.spec(["true"])).status is JobStatus.SUCCEEDED
    assert len(list((storebase.root / MARKS_NAME).iterdir())) == 1
    harness.close()


def another_claim(kubernetes: KubernetesHarness, root: Path) -> str:
    """A claim of a directory that holds nothing of storeBase."""
    name = f"pfcon-wrong-{uuid.uuid4().hex[:8]}"
    if kubernetes.fake:
        kubernetes.fake.cluster.claims.add(name)
        kubernetes.fake.cluster.node.elsewhere[name] = root
        return name
    size = {"storage": "1Mi"}
    modes = ["ReadWriteMany"]
    volume = {"capacity": size, "accessModes": modes, "hostPath": {"path": str(root)}, "storageClassName": name}
    claim = {"accessModes": modes, "resources": {"requests": size}, "storageClassName": name}
    for place, kind, spec in (
        ("api/v1/persistentvolumes", "PersistentVolume", volume),
        (f"api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims", "PersistentVolumeClaim", claim),
    ):
        body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        status, answer = kubernetes.cluster.ask("POST", place, body)
        assert status == 201, answer
    return name


def test_a_claim_of_another_directory_starts_no_container(kubernetes: KubernetesHarness, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    name = another_claim(kubernetes, tmp_path)
    spec = kubernetes.shell('echo ran; touch "$1"/ran')
    kubernetes.other(volume_name=name).schedule(spec)
    info = kubernetes.wait(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, OTHER_CLAIM.message), info.detail
    assert kubernetes.engine.logs(spec.name, 5) == ""
    assert not list(tmp_path.rglob("ran"))
    if not kubernetes.fake:
        kubernetes.engine.remove(spec.name)
        kubernetes.cluster.ask("DELETE", f"api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/{name}")
        kubernetes.cluster.ask("DELETE", f"api/v1/persistentvolumes/{name}")


def test_a_mark_is_made_again_when_it_is_gone_and_goes_when_it_is_old(tmp_path: Path) -> None:
    mark, old = StoreMark(tmp_path), tmp_path / MARKS_NAME / "old"
    source = tmp_path / mark.source()
    assert [path.name for path in source.iterdir()] == [HERE]
    shutil.rmtree(source)
    old.mkdir()
    os.utime(old, (0, 0))
    assert tmp_path / mark.source() == source
    assert source.joinpath(HERE).is_dir()
    assert not old.exists()
    assert StoreMark(tmp_path).source() != mark.source()


def test_a_storebase_that_cannot_be_written_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / MARKS_NAME).write_text("a file")
    with pytest.raises(Unreachable, match="storeBase can't be written"):
        StoreMark(tmp_path).source()
