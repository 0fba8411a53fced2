"""The one node of the fake cluster: runs pods as processes, and says of them what a kubelet and a scheduler say."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from pfcon.compute.kept_log import read_at
from pfcon.compute.process.engine import ProcessEngine
from pfcon.compute.process.spec import Plan
from pfcon.compute.workers import NAMES
from pfcon.errors import Absent, PfconError
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus, Mount, Resources, User
from pfcon.paths import StoreBase
from pfcon.reasons import Reason

from .kubernetes_generations import Generation
from .kubernetes_objects import Json, cores, now

CORES = 8
_INDEX = "batch.kubernetes.io/job-completion-index"
_ANNOTATION = re.compile(r"metadata\.annotations\['([^']+)'\]")
_EXPANSION = re.compile(r"\$\$|\$\(([^)]*)\)")
_OCI = (
    'failed to create containerd task: failed to create shim task: OCI runtime create failed: exec: "{}": {}: unknown'
)
_UNSTARTED: dict[str, str] = {
    Reason.COMMAND_NOT_FOUND: "executable file not found in $PATH",
    Reason.NOT_EXECUTABLE: "permission denied",
    Reason.WRONG_ARCHITECTURE: "exec format error",
}


def unplaceable(pod: Json, claims: set[str]) -> str:
    """Why no node can run a pod; empty where one can."""
    spec = pod["spec"]
    for volume in spec.get("volumes") or []:
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim and claim not in claims:
            return f'persistentvolumeclaim "{claim}" not found. not found'
    limits = (spec["containers"][0].get("resources") or {}).get("limits") or {}
    if cores(limits.get("cpu", "0")) > CORES:
        return "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes …"
    for resource in limits:
        if resource.endswith("/gpu"):
            return f"0/1 nodes are available: 1 Insufficient {resource}."
    if spec.get("nodeSelector"):
        return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    return ""


class _Pods(ProcessEngine):
    """Runs each pod as a job of one worker, whose variables are those of the pod alone."""

    def _plan(self, spec: JobSpec, marker: str) -> Plan:
        plan = super()._plan(spec, marker)
        own = dict(spec.env)
        plan["env"] = {key: own.get(key, value) for key, value in plan["env"].items() if key in own or key not in NAMES}
        return plan


class Node:
    """Runs pods. ``storebase``: what every claim holds. ``images``: what it has.

    ``hollow``: it says that pods run, and runs none. ``elsewhere``: directories of claims that hold something else.
    """

    def __init__(self, storebase: StoreBase, images: set[str], tools: str, generation: Generation) -> None:
        """``tools``: a directory for PATH, in which ``hostname`` tells the pod's."""
        self._generation = generation
        self.images = images
        self.hollow = False
        self.elsewhere: dict[str, Path] = {}
        self.storebase = storebase
        self._tools = tools
        self._processes = _Pods(storebase, stop_grace=2)

    def start(self, pod: Json) -> None:
        """Begin a pod, as a kubelet does with one that it was given."""
        image = pod["spec"]["containers"][0]["image"]
        if image not in self.images:
            tries = pod["status"].get("tries", 0)
            pod["status"]["tries"] = tries + 1
            waiting = {"reason": "ErrImagePull", "message": f'failed to resolve reference "{image}": not found'}
            if tries:
                waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}
            _tell(pod, {"waiting": waiting})
            return
        if odd := self._misses(pod):
            end(pod, *self._generation.start_error, odd)
            return
        try:
            if not self.hollow:
                self._processes.schedule(self._spec(pod))
        except PfconError as fault:
            end(pod, *self._generation.start_error, str(fault))
            return
        pod["status"]["phase"] = "Running"
        _tell(pod, {"running": {"startedAt": now()}})

    def _misses(self, pod: Json) -> str:
        """What a runtime says of a mount within one that is read-only and lacks the place for it; empty without any."""
        roots = {volume["name"]: self._root_of(volume) for volume in pod["spec"].get("volumes") or []}
        mounts = pod["spec"]["containers"][0].get("volumeMounts") or []
        for outer in mounts:
            root = roots[outer["name"]]
            for inner in mounts:
                within = inner["mountPath"].removeprefix(outer["mountPath"] + "/")
                if within == inner["mountPath"] or not outer.get("readOnly"):
                    continue
                if not (root / outer.get("subPath", "") / within).is_dir():
                    place = inner["mountPath"]
                    return f'error mounting "/x" to rootfs at "{place}": mkdir /rootfs{place}: read-only file system'
        return ""

    def _root_of(self, volume: Json) -> Path:
        """The directory that a volume holds."""
        if path := (volume.get("hostPath") or {}).get("path"):
            return Path(path)
        return self.elsewhere.get(volume.get("persistentVolumeClaim", {}).get("claimName"), self.storebase.root)

    def look(self, pod: Json) -> None:
        """Take over how a running pod has ended, where it has."""
        if self.hollow:
            return
        info = self._processes.info(pod["metadata"]["name"])
        if info.status.final:
            end(pod, *_ending(info, pod, self._generation))

    def stop(self, pod: Json) -> None:
        """Ask a pod's processes to end; what is not running has ended."""
        if _state(pod) == "running":
            self._processes.cancel(pod["metadata"]["name"])

    def clear(self, pod: Json) -> None:
        """Remove what a pod has left."""
        self._processes.remove(pod["metadata"]["name"])

    def log(self, pod: Json, tail_lines: int) -> str:
        """The last lines of a pod's log."""
        try:
            return self._processes.logs(pod["metadata"]["name"], tail_lines)
        except Absent:
            return ""

    def timed_log(self, pod: Json, since: str | None) -> bytes:
        """A pod's log since a time, with the time of each line: a hundred of them in each second."""
        try:
            directory = self._processes.open_log(pod["metadata"]["name"])
        except Absent:
            return b""
        try:
            lines = read_at(directory, 0, 1 << 30).data.splitlines(keepends=True)
        finally:
            os.close(directory)
        begin = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
        stamps = [begin + timedelta(milliseconds=10 * number) for number in range(len(lines))]
        first = datetime.fromisoformat(since) if since else begin
        timed = zip(stamps, lines, strict=True)
        most = 1 << (30 if self._generation.indexed else 14)  # of a part: 1.20 puts a time before each
        return b"".join(
            stamp.isoformat().encode() + b" " + line[at : at + most]
            for stamp, line in timed
            if stamp >= first
            for at in range(0, len(line), most)
        )

    def _spec(self, pod: Json) -> JobSpec:
        container, context = pod["spec"]["containers"][0], pod["spec"].get("securityContext") or {}
        env = {entry["name"]: _value(entry, pod) for entry in container.get("env") or []}
        numbered = _INDEX in (pod["metadata"].get("annotations") or {})
        if numbered or not self._generation.indexed:  # one of several workers, or it may be one
            path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            env |= {"HOSTNAME": pod["metadata"]["name"], "PATH": f"{self._tools}:{path}"}
        memory = (container.get("resources") or {}).get("limits", {}).get("memory")
        return JobSpec(
            name=pod["metadata"]["name"],
            jid=JobId(pod["metadata"]["name"]),
            kind=JobKind.PLUGIN,
            image=container["image"],
            argv=tuple(_expand(word) for word in (*container["command"], *(container.get("args") or ()))),
            env=tuple(env.items()),
            mounts=tuple(
                Mount(PurePosixPath(m.get("subPath", "")), PurePosixPath(m["mountPath"]), m.get("readOnly", False))
                for m in container.get("volumeMounts") or []
                if m["mountPath"] != "/dev/shm" and not m["mountPath"].startswith("/.pfcon")
            ),
            resources=Resources(memory=int(memory.removesuffix("Mi")) if memory else None),
            user=User(context["runAsUser"], context.get("runAsGroup")) if "runAsUser" in context else None,
        )


def _value(entry: Json, pod: Json) -> str:
    """The value of a variable of a container; an annotation that a pod does not have is empty there."""
    if "valueFrom" not in entry:
        return _expand(entry["value"])
    found = _ANNOTATION.fullmatch(entry["valueFrom"]["fieldRef"]["fieldPath"])
    assert found, f"the fake knows no other field than an annotation: {entry}"
    return str((pod["metadata"].get("annotations") or {}).get(found[1], ""))


def _expand(text: str) -> str:
    """A kubelet's expansion: ``$$`` is a ``$``, and a variable that there is not stays as it is."""
    return _EXPANSION.sub(lambda found: "$" if found[0] == "$$" else found[0], text)


def _ending(info: JobInfo, pod: Json, generation: Generation) -> tuple[int, str, str]:
    """Exit code, reason and message of a container whose process ended so."""
    if info.status is JobStatus.SUCCEEDED:
        return 0, "Completed", ""
    command = pod["spec"]["containers"][0]["command"][0].replace("$$", "$")
    if info.reason == Reason.OUT_OF_MEMORY:
        return 137, "OOMKilled", ""
    if said := _UNSTARTED.get(info.reason):
        return *generation.start_error, _OCI.format(command, said)
    code = info.details.exit_code
    return (137 if code is None else code), "Error", ""


def end(pod: Json, code: int, reason: str, message: str) -> None:
    """Write down the end of a pod."""
    # To the next second: the end is never told to be before what came before it.
    at = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = {"exitCode": code, "reason": reason, "startedAt": _started_at(pod) or now(), "finishedAt": at}
    _tell(pod, {"terminated": {**ended, **({"message": message} if message else {})}})
    pod["status"]["phase"] = "Failed" if code or pod["status"].get("reason") else "Succeeded"


def turn_back(pod: Json) -> None:
    """Say of a pod that could not start, and is to end, that its container is being created."""
    if _state(pod) == "waiting":
        _tell(pod, {"waiting": {"reason": "ContainerCreating"}})


def _state(pod: Json) -> str:
    statuses: list[dict[str, Any]] = pod["status"].get("containerStatuses") or [{"state": {"": None}}]
    return str(next(iter(statuses[0]["state"])))


def _started_at(pod: Json) -> str:
    """When the container of a pod has started; empty for one that has not."""
    states = [status["state"] for status in pod["status"].get("containerStatuses", [])]
    return next((str(state["running"]["startedAt"]) for state in states if "running" in state), "")


def _tell(pod: Json, state: Json) -> None:
    container = pod["spec"]["containers"][0]
    pod["status"]["containerStatuses"] = [
        {"name": container["name"], "image": container["image"], "restartCount": 0, "state": state}
    ]


def state_of(pod: Json) -> str:
    """``waiting``, ``running`` or ``terminated``; empty before a kubelet has told."""
    return _state(pod)
