"""Clusters whose nodes hold the test image: Kubernetes, Slurm and HTCondor."""

import os
import shlex
import subprocess
from pathlib import Path

from pfcon.testing.waiting import PATIENCE

from .docker_api import IMAGE
from .need import Unanswered, Unavailable, need


def kubernetes_cluster() -> tuple[str, str]:
    """Of a Kubernetes cluster: a kubeconfig, and where the tests' claim is on this machine; skips or fails without."""
    return need("kubernetes", find_kubernetes), os.environ["PFCON_TEST_KUBERNETES_STOREBASE"]


def slurm_cluster(mode: str) -> str:
    """The slurm.conf of a cluster, ``cgroup`` or ``plain``; skips or fails the test where there is none."""
    return need("slurm", _find_slurm, mode)


def htcondor_pool() -> str:
    """The condor_config of a pool; skips or fails the test where there is none."""
    return need("htcondor", _find_htcondor)


def find_kubernetes() -> str:
    """A kubeconfig, only where it is named: the cluster of ~/.kube/config may be one that people work with.

    Raises Unavailable.
    """
    from pfcon.compute.kubernetes.engine import KubernetesEngine
    from pfcon.errors import PfconError
    from support.kubernetes import kubernetes_settings

    advice = "no Kubernetes; start one (tests/engines/kubernetes.sh) or see there which variables name one"
    kubeconfig, storebase = (os.environ.get(f"PFCON_TEST_{name}") for name in ("KUBECONFIG", "KUBERNETES_STOREBASE"))
    if not kubeconfig or not storebase:
        raise Unavailable(f"{advice}: PFCON_TEST_KUBECONFIG and PFCON_TEST_KUBERNETES_STOREBASE")
    if not Path(storebase).is_dir():
        raise Unavailable(f"PFCON_TEST_KUBERNETES_STOREBASE={storebase} is no directory of this machine; {advice}")
    try:
        settings = kubernetes_settings(kubeconfig)
        KubernetesEngine(settings, settings.own, Path(storebase)).check()
    except PfconError as fault:
        raise Unanswered(f"{advice} ({fault})") from fault
    return kubeconfig


def _find_slurm(mode: str) -> str:
    advice = "no Slurm; start it (tests/engines/slurm.sh, then image.sh)"
    name = f"PFCON_TEST_SLURM_{mode.upper()}"
    conf, images = os.environ.get(name), os.environ.get("PFCON_TEST_SLURM_IMAGES")
    if not conf or not images:
        raise Unavailable(f"{advice} and set {name} and PFCON_TEST_SLURM_IMAGES")
    _require_image(images, advice)
    environ = {**os.environ, "SLURM_CONF": conf}
    words = ["sinfo", "-h"]
    try:
        done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as fault:
        raise Unanswered(f"{advice} ({conf}: {fault})") from fault
    if done.returncode:
        raise Unanswered(f"{advice} ({conf}: {done.stderr.strip()})")
    return conf


def _find_htcondor() -> str:
    advice = "no HTCondor; start it (tests/engines/htcondor.sh, then image.sh)"
    conf, images = os.environ.get("PFCON_TEST_HTCONDOR"), os.environ.get("PFCON_TEST_SLURM_IMAGES")
    if not conf or not images:
        raise Unavailable(f"{advice} and set PFCON_TEST_HTCONDOR and PFCON_TEST_SLURM_IMAGES")
    _require_image(images, advice)
    prefix = shlex.split(os.environ.get("PFCON_TEST_HTCONDOR_PREFIX", ""))
    words = [*prefix, "env", f"CONDOR_CONFIG={conf}", "condor_q"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise Unanswered(f"{advice} ({conf}: {fault})") from fault
    if done.returncode:
        raise Unanswered(f"{advice} ({conf}: {done.stderr.strip()})")
    return conf


def _require_image(images: str, advice: str) -> None:
    if not Path(images, IMAGE.replace(":", "/")).is_dir():
        raise Unavailable(f"PFCON_TEST_SLURM_IMAGES={images} does not hold {IMAGE}; {advice}")
