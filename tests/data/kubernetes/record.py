"""Records what a real API server tells of jobs, for the unit tests of the kubernetes engine.

    PYTHONPATH=tests python tests/data/kubernetes/record.py OUTPUT.json

PFCON_TEST_KUBECONFIG and the other variables of tests/support/engines.py name the cluster. Each job is followed to its
end; all that the server told of it on the way is kept, as (Job, pods) without what no test reads.
"""

import dataclasses
import json
import sys
import time
from pathlib import Path, PurePosixPath
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from support.engines import IMAGE, kubernetes_cluster
from support.kubernetes import NAMESPACE, Cluster, kubernetes_settings

from pfcon.compute.kubernetes.engine import KubernetesEngine
from pfcon.errors import PfconError
from pfcon.models import JobId, JobKind, JobSpec, Mount, Resources

EAT = "kept = []\nfor _ in range(512): kept.append(b'x' * (1 << 20))"
WATCHED = 25.0  # seconds
KEPT = ("name", "uid", "creationTimestamp", "deletionTimestamp", "labels", "annotations", "ownerReferences")


def spec(case: str, *argv: str, **fields: Any) -> JobSpec:
    name = f"pfcon-record-{case}"
    mounts = (Mount(PurePosixPath(), PurePosixPath("/share/incoming"), read_only=True),)
    values = {"image": IMAGE, "mounts": mounts, "request": "5eed", **fields}
    return JobSpec(name=name, jid=JobId(name), kind=JobKind.PLUGIN, argv=argv, **values)


def shell(case: str, script: str, **fields: Any) -> JobSpec:
    return spec(case, "sh", "-c", script, **fields)


SPECS = [
    shell("exit-0", "echo one; sleep 2"),
    shell("exit-3", "exit 3"),
    shell("segfault", "sh -c 'kill -SEGV $$'; exit $?"),
    spec("memory", "python3", "-c", EAT, resources=Resources(memory=64)),
    spec("command", "nosuch"),
    spec("executable", "/etc/passwd"),
    spec("image", "true", image="127.0.0.1:1/pfcon/absent:1"),
    spec("name-of-image", "true", image="Not An Image"),
    spec("cpu", "true", resources=Resources(cpu=500_000)),
    shell("workers", "sleep 1", resources=Resources(workers=2)),
    shell("deadline", "sleep 60"),
    shell("cancelled", "sleep 60"),
    spec("claim", "true"),
    spec("selector", "true"),
]


def brief(item: dict[str, Any]) -> dict[str, Any]:
    """An object without what no test reads."""
    metadata = {key: value for key, value in item["metadata"].items() if key in KEPT}
    spec = item["spec"]
    if "containers" in spec:
        container = {key: spec["containers"][0][key] for key in ("image", "command")}
        kept = {key: spec[key] for key in ("nodeName", "activeDeadlineSeconds") if key in spec}
        spec = {**kept, "containers": [container]}
    return {"metadata": metadata, "spec": spec, "status": item.get("status", {})}


def main(output: str) -> None:
    kubeconfig, storebase = kubernetes_cluster()
    cluster = Cluster(kubeconfig)
    lives: dict[str, list[Any]] = {}
    engines: dict[str, KubernetesEngine] = {}
    for each in SPECS:
        case = each.name.removeprefix("pfcon-record-")
        deadline = 0.1 if case == "deadline" else 7 * 24 * 60  # minutes
        overrides: dict[str, Any] = {"claim": {"volume_name": "none"}, "selector": {"node_selector": (("a", "b"),)}}
        settings = kubernetes_settings(kubeconfig, **overrides.get(case, {}))
        own = dataclasses.replace(settings.own, deadline=deadline)
        engines[case] = KubernetesEngine(settings, own, Path(storebase), stop_grace=2)
        engines[case].remove(each.name)
        engines[case].schedule(each)
        lives[case] = []
    began = time.monotonic()
    cancelled = False
    while time.monotonic() - began < WATCHED:
        for case, life in lives.items():
            job = cluster.job(f"pfcon-record-{case}")
            pods = sorted(cluster.pods(f"pfcon-record-{case}"), key=lambda pod: str(pod["metadata"]["name"]))
            sight = {"job": brief(job), "pods": [brief(pod) for pod in pods]}
            if not life or life[-1] != sight:
                life.append(sight)
        if not cancelled and time.monotonic() - began > 8:
            cancelled = True
            engines["cancelled"].cancel("pfcon-record-cancelled")
        time.sleep(0.1)
    Path(output).write_text(json.dumps(lives, indent=None, separators=(",", ":")).replace('{"job"', '\n{"job"') + "\n")
    for case, engine in engines.items():
        try:
            engine.remove(f"pfcon-record-{case}")
        except PfconError as fault:
            print(case, fault, NAMESPACE, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
