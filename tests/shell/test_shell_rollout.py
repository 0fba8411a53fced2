"""make.sh on a cluster whose pods do not become ready: it says why at once, and ends."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.shell import REPOSITORY, run

AT_ONCE = 60.0  # seconds; a rollout is waited for five times as long
IMAGE = "registry.invalid/pfcon:1"
Json = dict[str, Any]


def pod(name: str = "pfcon-1-a", *, made: str = "2026-01-02T00:00:00Z", hash: str = "1", **container: Any) -> Json:
    metadata = {"name": name, "creationTimestamp": made, "labels": {"pod-template-hash": hash}}
    return {"metadata": metadata, "status": {"containerStatuses": [{"image": IMAGE, "restartCount": 0, **container}]}}


def waiting(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason, "message": message}}


def crashed(code: int, reason: str = "Error") -> Json:
    last = {"terminated": {"exitCode": code, "reason": reason}}
    return {"state": waiting("CrashLoopBackOff", "back-off 10s"), "lastState": last, "restartCount": 1}


NO_IMAGE = pod(state=waiting("ImagePullBackOff", 'Back-off pulling image "x": not found'))
NO_SECRET = pod(state=waiting("CreateContainerConfigError", 'secret "pfcon" not found'))


def make(checkout: Path, tmp_path: Path, pods: list[Json], rollout: str) -> subprocess.CompletedProcess[str]:
    """make.sh with a kubectl whose cluster has these pods. rollout: what it does to wait for them, in the shell."""
    (tmp_path / "pods.json").write_text(json.dumps({"items": pods}))
    program = tmp_path / "bin/kubectl"
    program.parent.mkdir()
    program.write_text(f"""#!/bin/sh
echo "$*" >>"{tmp_path}/asked"
case " $* " in
*'version --client'*) echo 'Kustomize Version: v5.6.0' ;;
*current-context*) echo here ;;
*' version '*) echo 'Server Version: v1.36.2' ;;
*storageclass*) echo '{{"storageclass.kubernetes.io/is-default-class":"true"}}' ;;
*' rollout status '*) {rollout} ;;
*' get pods '*) cat "{tmp_path}/pods.json" ;;
*' logs '*--previous*) echo 'SECRET_KEY is not set' ;;
*' port-forward '*) echo no way >&2; exit 1 ;;
*) ;;
esac
""")
    program.chmod(0o755)
    env: dict[str, Any] = {"PATH": f"{program.parent}:{os.environ['PATH']}", "PFCON_IMAGE": IMAGE}
    return run(checkout / "make.sh", "-O", "kubernetes", cwd=tmp_path, **env)


@pytest.mark.parametrize(
    ("found", "why", "has_log"),
    [
        (NO_IMAGE, f'its image {IMAGE} can\'t be fetched: Back-off pulling image "x": not found', False),
        (NO_SECRET, 'its container can\'t be created, look at its configuration: secret "pfcon" not found', False),
        (pod(**crashed(1)), "it crashes: exit code 1", True),
        (pod(**crashed(2)), "it crashes: pfcon refuses its configuration (exit code 2)", True),
        (pod(**crashed(137, "OOMKilled")), "it crashes: exit code 137 (OOMKilled)", True),
    ],
    ids=["image", "secret", "crash", "configuration", "memory"],
)
def test_a_pod_that_cannot_become_ready_ends_make_at_once(
    checkout: Path, tmp_path: Path, found: Json, why: str, has_log: bool
) -> None:
    begun = time.monotonic()
    done = make(checkout, tmp_path, [found], "exec sleep 300")
    assert time.monotonic() - begun < AT_ONCE
    assert done.returncode == 1
    assert f"pod pfcon-1-a: {why}\n" in done.stderr
    assert "pfcon can't become ready on the cluster" in done.stderr
    assert ("  | SECRET_KEY is not set\n" in done.stderr) is has_log
    assert "port-forward" not in (tmp_path / "asked").read_text()


def test_what_may_pass_is_told_once_and_waited_for(checkout: Path, tmp_path: Path) -> None:
    done = make(checkout, tmp_path, [pod(state=waiting("ErrImagePull", "timeout"))], "sleep 7; echo rolled out")
    assert done.stderr.count(f"pod pfcon-1-a: its image {IMAGE} can't be fetched, trying again: timeout") == 1
    assert "rolled out" in done.stdout
    assert "==> the way to pfcon" in done.stdout


def test_a_rollout_that_takes_too_long_ends_with_what_the_cluster_says(checkout: Path, tmp_path: Path) -> None:
    done = make(checkout, tmp_path, [], "sleep 1; echo timed out >&2; exit 1")
    assert done.returncode == 1
    assert "pfcon is not ready; what the cluster says of it:" in done.stderr


OLD = {"made": "2026-01-01T00:00:00Z", "hash": "0"}
UNSCHEDULED = {
    "metadata": {"name": "p", "creationTimestamp": "2026-01-02T00:00:00Z"},
    "status": {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: too little cpu"}]},
}


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([], (0, "")),
        ([pod(state={"running": {}})], (0, "")),
        ([pod(state={"terminated": {"exitCode": 1}})], (0, "")),  # once: it is started again
        ([pod(**crashed(0))], (0, "")),
        ([pod(state={"running": {}}), pod("old", **OLD, **crashed(1))], (0, "")),
        ([{**NO_IMAGE, "metadata": {**NO_IMAGE["metadata"], "deletionTimestamp": "now"}}], (0, "")),
        ([UNSCHEDULED], (0, "p: no node takes it: 0/1 nodes: too little cpu\n")),
        ([pod(state={"running": {}}), pod("b", **crashed(3))], (4, "b: it crashes: exit code 3\n")),
        ([NO_IMAGE, pod("b", **crashed(3))], (4, "b: it crashes: exit code 3\n")),
    ],
)
def test_the_pods_of_the_last_rollout_count(pods: list[Json], expected: tuple[int, str]) -> None:
    assert judge(json.dumps({"items": pods})) == expected


def test_an_answer_that_is_no_list_says_nothing() -> None:
    assert [judge(text) for text in ("", "[]", "{}", "null")] == [(0, "")] * 4


def judge(text: str) -> tuple[int, str]:
    words = [sys.executable, str(REPOSITORY / "dev/pods.py")]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout
