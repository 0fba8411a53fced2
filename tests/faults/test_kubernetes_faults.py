"""What goes wrong on Kubernetes, and what users are told: on a fake cluster, and on a real one where there is one."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.kubernetes import NAMESPACE, KubernetesHarness
from support.tcp_relay import TcpRelay

from pfcon.compute.kubernetes.engine import KubernetesEngine
from pfcon.errors import Absent, Conflict, Refused, Unreachable
from pfcon.models import JobInfo, JobSpec, JobStatus, Resources
from pfcon.reasons import Reason
from pfcon.testing.waiting import eventually

OUTAGE = {"fake-kubernetes": 3.0, "kubernetes": 20.0}  # seconds
JOBS = f"apis/batch/v1/namespaces/{NAMESPACE}/jobs"


def pods_go(kubernetes: KubernetesHarness, spec: JobSpec) -> bool:
    """Whether the pods are gone, or told to; the rest is their kubelet's."""
    return eventually(lambda: all("deletionTimestamp" in p["metadata"] for p in kubernetes.cluster.pods(spec.name)))


def is_scheduled(kubernetes: KubernetesHarness, spec: JobSpec) -> bool:
    """Whether a job could be scheduled; after some seconds of waiting an engine may only say that its name is taken."""
    try:
        kubernetes.engine.schedule(spec)
    except Conflict as fault:
        if "being deleted" not in str(fault):
            raise
        return False
    return True


def told(kubernetes: KubernetesHarness, spec: JobSpec, text: str) -> JobInfo:
    """What is told of a job once it holds a text."""
    assert eventually(lambda: text in kubernetes.engine.info(spec.name).message), kubernetes.engine.info(spec.name)
    return kubernetes.engine.info(spec.name)


def is_unknown(engine: KubernetesEngine, spec: JobSpec) -> bool:
    try:
        engine.info(spec.name)
    except Unreachable:
        return True
    return False


def test_a_wrong_image_ends_the_job_with_the_reason_and_frees_the_pod(kubernetes: KubernetesHarness) -> None:
    spec = kubernetes.spec(["true"], image="127.0.0.1:1/pfcon/absent:1")
    assert kubernetes.engine.schedule(spec).status is JobStatus.NOT_STARTED
    assert told(kubernetes, spec, "can't be fetched").status is JobStatus.NOT_STARTED
    info = kubernetes.wait(spec.name)
    assert info.status is JobStatus.FAILED
    assert info.message.startswith("image 127.0.0.1:1/pfcon/absent:1 can't be fetched: ")
    assert info.finished_at
    assert kubernetes.engine.logs(spec.name, 10) == ""
    assert pods_go(kubernetes, spec)
    assert kubernetes.engine.info(spec.name) == info


def test_a_look_at_somebody_elses_hopeless_job_changes_nothing(kubernetes: KubernetesHarness) -> None:
    spec = kubernetes.spec(["true"], image="127.0.0.1:1/pfcon/absent:1")
    kubernetes.engine.schedule(spec)
    assert told(kubernetes, spec, "can't be fetched").status is JobStatus.NOT_STARTED
    impatient = kubernetes.other(stuck_grace=0.0)
    for _ in range(3):  # what is hopeless for the whole grace, between two looks, is ended
        with pytest.raises(Absent):
            impatient.info(spec.name, f"not {spec.request}".__eq__)
    assert kubernetes.engine.info(spec.name).status is JobStatus.NOT_STARTED
    assert eventually(lambda: impatient.info(spec.name).status is JobStatus.FAILED)


def test_a_claim_that_there_is_not_ends_the_job_with_the_reason(kubernetes: KubernetesHarness) -> None:
    spec = kubernetes.spec(["true"])
    kubernetes.other(volume_name="no-such-claim").schedule(spec)
    info = kubernetes.wait(spec.name)
    assert info.status is JobStatus.FAILED
    setup = "its volume no-such-claim (VOLUME_NAME) does not exist"
    assert info.message == f"the compute engine is not set up for this job: {setup}"
    assert info.reason == Reason.ENGINE_SETUP
    assert pods_go(kubernetes, spec)


def test_too_much_cpu_waits_with_the_reason_and_can_be_cancelled(kubernetes: KubernetesHarness) -> None:
    spec = kubernetes.spec(["true"], resources=Resources(cpu=500_000))
    kubernetes.engine.schedule(spec)
    assert told(kubernetes, spec, "too little free CPU").status is JobStatus.NOT_STARTED
    kubernetes.engine.cancel(spec.name)
    info = kubernetes.wait(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, "cancelled")
    assert pods_go(kubernetes, spec)
    kubernetes.engine.cancel(spec.name)
    assert kubernetes.engine.info(spec.name) == info


def test_a_selector_that_no_node_has_waits_with_the_reason(kubernetes: KubernetesHarness) -> None:
    spec = kubernetes.spec(["true"])
    kubernetes.other(node_selector=(("pfcon-test", "no-node"),)).schedule(spec)
    assert told(kubernetes, spec, "node selector").status is JobStatus.NOT_STARTED


def test_a_deadline_is_told_as_such(kubernetes: KubernetesHarness) -> None:
    spec = kubernetes.spec(["sleep", "600"])
    kubernetes.engine.schedule(spec)
    path = f"{JOBS}/{spec.name}"
    # A controller of 1.20 does not look again at a deadline that comes while it first sees a Job.
    assert eventually(lambda: "startTime" in kubernetes.cluster.ask("GET", path)[1].get("status", {}))
    status, _ = kubernetes.cluster.ask("PATCH", path, {"spec": {"activeDeadlineSeconds": 2}})
    assert status == 200
    info = kubernetes.wait(spec.name)
    assert info.status is JobStatus.FAILED
    assert "at the time limit of this site" in info.message
    assert info.message.endswith(": 2 seconds")


def test_two_workers_run_and_both_logs_are_told(kubernetes: KubernetesHarness) -> None:
    script = 'echo "I am ${JOB_COMPLETION_INDEX-one}"; sleep 1'
    spec = kubernetes.shell(script, resources=Resources(workers=2))
    assert kubernetes.run(spec).status is JobStatus.SUCCEEDED
    log = kubernetes.engine.logs(spec.name, 10)
    assert log.count("I am ") == 2
    for pod in kubernetes.cluster.pods(spec.name):
        assert f"==> {pod['metadata']['name']} <==\n" in log


def test_a_name_is_free_again_after_a_deletion_that_others_have_begun(kubernetes: KubernetesHarness) -> None:
    spec = kubernetes.shell("echo first; sleep 60")
    kubernetes.engine.schedule(spec)
    assert eventually(lambda: kubernetes.engine.logs(spec.name, 5) == "first\n")
    kubernetes.begin_removal(spec.name)
    second = kubernetes.shell("echo second", name=spec.name)
    assert eventually(lambda: is_scheduled(kubernetes, second))
    assert kubernetes.wait(spec.name).status is JobStatus.SUCCEEDED
    assert kubernetes.engine.logs(spec.name, 5) == "second\n"


def test_a_removal_frees_the_name_at_once_for_the_next_job(kubernetes: KubernetesHarness) -> None:
    spec = kubernetes.shell("exit 3")
    assert kubernetes.run(spec).status is JobStatus.FAILED
    kubernetes.engine.remove(spec.name)
    assert kubernetes.run(kubernetes.shell("exit 0", name=spec.name)).status is JobStatus.SUCCEEDED


def test_a_job_of_somebody_else_is_left_alone(kubernetes: KubernetesHarness) -> None:
    spec = kubernetes.spec(["true"])
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none:1", "command": ["true"]}]}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": spec.name}}
    assert kubernetes.cluster.ask("POST", JOBS, {**job, "spec": {"template": {"spec": pod}}})[0] == 201
    with pytest.raises(Conflict):
        kubernetes.engine.schedule(spec)
    for ask in (kubernetes.engine.info, kubernetes.engine.cancel, lambda name: kubernetes.engine.logs(name, 5)):
        with pytest.raises(Absent):
            ask(spec.name)
    kubernetes.engine.remove(spec.name)
    assert kubernetes.cluster.job(spec.name)["metadata"]["name"] == spec.name


def test_a_name_that_kubernetes_cannot_take_leaves_nothing(kubernetes: KubernetesHarness) -> None:
    spec = kubernetes.spec(["true"])
    with pytest.raises(Refused, match="lower-case"):
        kubernetes.engine.schedule(kubernetes.spec(["true"], name=f"{spec.name}_A"))


def test_what_the_server_refuses_is_told_in_its_words(kubernetes: KubernetesHarness) -> None:
    with pytest.raises(Refused, match=r"labels: Invalid value: \"a b\""):
        kubernetes.engine.schedule(kubernetes.spec(["true"], labels=(("site", "a b"),)))
    with pytest.raises(Refused, match="nowhere"):
        kubernetes.other(namespace="nowhere").schedule(kubernetes.spec(["true"]))


def test_while_the_server_is_away_nothing_is_known_and_afterwards_all(
    kubernetes: KubernetesHarness, tmp_path: Path
) -> None:
    seconds = OUTAGE[kubernetes.name]
    found = urlsplit(kubernetes.cluster.where)
    with TcpRelay(f"tcp://{found.hostname}:{found.port}") as relay:
        file = tmp_path / "kubeconfig"
        file.write_text(Path(kubernetes.kubeconfig).read_text().replace(f"{found.hostname}:{found.port}", relay.url))
        engine = kubernetes.other(str(file))
        spec = kubernetes.shell('until test -e "$1/go"; do sleep 0.1; done; echo done; exit 3')
        engine.schedule(spec)
        assert eventually(lambda: engine.info(spec.name).status is JobStatus.STARTED)
        relay.cut()
        (kubernetes.outgoing(spec) / "go").touch()
        until = time.monotonic() + seconds
        assert eventually(lambda: is_unknown(engine, spec))  # a thread that follows has to notice
        while time.monotonic() < until:
            for ask in (engine.info, engine.cancel, engine.remove, lambda name: engine.logs(name, 5)):
                with pytest.raises(Unreachable):
                    ask(spec.name)
            time.sleep(0.5)
        relay.restore()
        assert eventually(lambda: engine.info(spec.name).status.final)
        info = engine.info(spec.name)
        assert (info.status, info.message) == (JobStatus.FAILED, "the program failed with exit code 3")
        assert engine.logs(spec.name, 5) == "done\n"
