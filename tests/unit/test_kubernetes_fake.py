"""The fake Kubernetes gives the answers that were recorded on a real server of 1.34."""

import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from fakes.kubernetes_generations import RECORDED
from fakes.kubernetes_server import FakeKubernetes
from support.kubernetes import Cluster

from pfcon.paths import StoreBase
from pfcon.testing.waiting import PATIENCE

DATA = Path(__file__).parents[1] / "data" / "kubernetes"
EXCHANGES = [json.loads(line) for line in (DATA / "exchanges.jsonl").read_text().splitlines()]
NOT_FAKED = {"events", "pod watch of the whole life"}  # no engine asks for events; the engines' own tests watch
# in another wording
SAID_OTHERWISE = re.compile(r"dry run: (unknown|env |backoffLimit str|memory|restartPolicy bogus|bad name|no template)")


@pytest.fixture
def fake() -> Iterator[FakeKubernetes]:
    with tempfile.TemporaryDirectory(prefix="pfcon-test-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with FakeKubernetes(
            StoreBase(Path(name)), claim="data", namespace="default", image="none:1", generation=RECORDED
        ) as fake:
            fake.kubeconfig(Path(name, "kubeconfig"))
            (Path(name) / "runs/rec").mkdir(parents=True)
            yield fake


@pytest.fixture
def cluster(fake: FakeKubernetes, tmp_path: Path) -> Cluster:
    return Cluster(fake.kubeconfig(tmp_path / "kubeconfig"))


def essence(status: int, body: Any) -> Any:
    """What an engine may read of an answer, without what differs from run to run."""
    if not isinstance(body, dict):
        return status, body
    kind = str(body.get("kind"))
    found: dict[str, Any] = {"status": status, "kind": kind}
    if kind.endswith("List"):
        found["items"] = [essence(status, {"kind": kind.removesuffix("List"), **item}) for item in body["items"]]
    elif kind == "Job":
        told = body.get("status") or {}
        found |= {"counts": {key: told.get(key) for key in ("active", "succeeded", "failed")}}
        found["conditions"] = [(each["type"], each["reason"]) for each in told.get("conditions") or []]
        if body["metadata"].get("deletionTimestamp"):  # how far it had got then, differs from run to run
            return {"status": status, "kind": kind, "going": True}
    elif kind == "Pod":
        states = [each["state"] for each in body["status"].get("containerStatuses") or []]
        found |= {"phase": body["status"]["phase"], "labels": sorted(body["metadata"]["labels"])}
        found["state"] = [(list(each), *(value.get("exitCode") for value in each.values())) for each in states]
        found["owner"] = [(each["kind"], each["name"]) for each in body["metadata"]["ownerReferences"]]
    elif kind == "Status" and status >= 400:
        found |= {"reason": body["reason"], "code": body["code"], "message": plain(body["message"])}
    return found


def plain(text: str) -> str:
    """A message without uids and the random end of a pod's name, up to where the fake cuts it short."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UID", text)
    text = re.sub(r"\b(rec[fu]?)-[a-z0-9]{5}\b", r"\1-POD", text)
    return re.split(r"(?<=Invalid value: )|(?<=cpu limit)| …|: a (?:lower|valid)", text.replace("[", ""))[0]


def test_the_recorded_exchanges_are_answered_alike(fake: FakeKubernetes, cluster: Cluster, tmp_path: Path) -> None:
    """In their order, and each as soon as the cluster has come so far; it waits for those that it would overtake."""
    go_on = tmp_path / "go-on"
    fake.cluster.paused = True
    for each in EXCHANGES:
        if each["what"] in ("get running", "get after delete"):
            fake.cluster.paused = False
        elif each["what"] == "delete foreground":
            fake.cluster.paused = True  # so that it is there right after
        elif each["what"] == "pod done":
            go_on.touch()
        if each["what"] not in NOT_FAKED:
            replay(each, cluster, go_on)


def replay(each: dict[str, Any], cluster: Cluster, go_on: Path) -> None:
    wait = f"while [ ! -e {go_on} ]; do sleep 0.05; done"
    request = json.loads(json.dumps(each["request"]).replace("/data/x", "/dev/null").replace("sleep 3", wait))
    wanted = essence(each["status"], each["body"])
    deadline = time.monotonic() + PATIENCE
    while True:
        url = urlsplit(re.sub(r"rec[fu]?-[a-z0-9]{5}(?=/|$|\?)", lambda found: pod_of(found[0], cluster), each["path"]))
        found = essence(*cluster.ask(each["method"], url.path.lstrip("/"), request, **dict(parse_qsl(url.query))))
        if alike(each["what"], found, wanted):
            return
        assert time.monotonic() < deadline, (each["what"], found, wanted)
        assert each["method"] == "GET", (each["what"], found, wanted)
        time.sleep(0.02)


NAMES: dict[str, str] = {}


def pod_of(recorded: str, cluster: Cluster) -> str:
    job = recorded.rpartition("-")[0]
    pods = cluster.ask("GET", "api/v1/namespaces/default/pods", labelSelector=f"job-name={job}")[1]["items"]
    if pods:
        NAMES[job] = pods[0]["metadata"]["name"]
    return NAMES[job]


def alike(what: str, found: Any, wanted: Any) -> bool:
    if SAID_OTHERWISE.match(what):
        return (found["status"], found["reason"]) == (wanted["status"], wanted["reason"])
    if what == "version":
        return bool(found["status"] == 200)
    if what == "log tail":
        return str(found[1]).endswith(" two\n")
    return bool(found == wanted)
