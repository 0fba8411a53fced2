"""What a Kubernetes API server keeps and checks: objects with versions, selectors, and the rules of batch/v1 Jobs.

Its answers are those recorded on a real server (tests/data/kubernetes/exchanges.jsonl).
"""

import copy
import re
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import kubernetes_validate

Json = dict[str, Any]
Kind = Literal["jobs", "pods"]

STEP = 0.12  # seconds between two steps of a pod, or of what a Job tells of its pods
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_QUANTITY = re.compile(r"[+-]?[0-9.]+(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")
_SELECTOR = re.compile(r"[A-Za-z0-9][\w./-]*(=[\w.-]*)?")


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.body: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        self.body |= {"message": message, "reason": reason, "code": code}


def not_found(kind: Kind, name: str) -> Refusal:
    """What is answered for an object that is not there."""
    return Refusal(404, "NotFound", f'{"jobs.batch" if kind == "jobs" else kind} "{name}" not found')


def now() -> str:
    """The time as Kubernetes writes it: to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def selects(selector: str, labels: dict[str, str]) -> bool:
    """Whether a label selector of existence and equality selects an object."""
    for term in filter(None, selector.split(",")):
        if not _SELECTOR.fullmatch(term):
            raise Refusal(400, "BadRequest", f"found '{term[:2]}', expected: !, identifier, or 'end of string'")
        key, equals, value = term.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


class Steps:
    """When objects have made their last step, by uid or another key."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def since(self, key: str) -> float:
        """When a key was first seen, or last restarted; monotonic seconds."""
        return self._since.setdefault(key, time.monotonic())

    def restart(self, key: str) -> None:
        """Count from now."""
        self._since[key] = time.monotonic()

    def delay(self, uid: str, seconds: float) -> None:
        """Put an object's next step off."""
        self._since[uid] = time.monotonic() + seconds

    def due(self, item: Json) -> bool:
        """Whether it is time for an object's next step, which is then made."""
        uid = item["metadata"]["uid"]
        if time.monotonic() - self.since(uid) < STEP:
            return False
        self.restart(uid)
        return True


def check_job(job: Json, schema: str) -> None:
    """Refuse what a server refuses under strict field validation. schema: the release."""
    pod = job["spec"].get("template", {}).get("spec", {})
    for container in pod.get("containers") or []:
        for quantity in (container.get("resources", {}).get("limits") or {}).values():
            if not _QUANTITY.fullmatch(str(quantity)):
                raise Refusal(
                    400, "BadRequest", 'Job in version "v1" cannot be handled as a Job: quantities must match'
                )
    try:
        kubernetes_validate.validate(job, schema, strict=True)
    except kubernetes_validate.ValidationError as fault:
        field = re.search(r"'(\w+)' was unexpected", fault.message)
        if field or "is not of type" in fault.message:
            text = f'strict decoding error: unknown field "{field[1]}"' if field else fault.message
            raise Refusal(400, "BadRequest", f'Job in version "v1" cannot be handled as a Job: {text}') from None
    faults = [*_name_faults(job), *_spec_faults(job["spec"], pod)]
    if faults:
        text = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
        raise Refusal(422, "Invalid", f'Job.batch "{job["metadata"].get("name")}" is invalid: {text}')


def _name_faults(job: Json) -> list[str]:
    name = job["metadata"].get("name") or ""
    faults = []
    if not _NAME.fullmatch(name) or len(name) > 63:
        faults.append(f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of …')
    for value in (job["metadata"].get("labels") or {}).values():
        if not _VALUE.fullmatch(value):
            faults.append(f'metadata.labels: Invalid value: "{value}": a valid label must be …')
        elif len(value) > 63:
            faults.append(f'metadata.labels: Invalid value: "{value}": must be no more than 63 characters')
    return faults


def _spec_faults(spec: Json, pod: Json) -> list[str]:
    faults = []
    if int(spec.get("backoffLimit", 6)) < 0:
        faults.append("spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0")
    containers = pod.get("containers") or []
    if not containers:
        faults.append("spec.template.spec.containers: Required value")
    volumes = {volume["name"] for volume in pod.get("volumes") or []}
    names = []
    for index, container in enumerate(containers):
        names.append(container.get("name"))
        faults += _container_faults(f"spec.template.spec.containers[{index}]", container, volumes, names[:-1])
    if pod.get("restartPolicy") not in ("Never", "OnFailure"):
        faults.append('spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"')
    return faults


def _container_faults(at: str, container: Json, volumes: set[str], before: list[str]) -> list[str]:
    faults = [f"{at}.{field}: Required value" for field in ("name", "image") if not container.get(field)]
    if container.get("name") in before:
        faults.append(f'{at}.name: Duplicate value: "{container["name"]}"')
    for index, variable in enumerate(container.get("env") or []):
        if "=" in variable["name"]:
            faults.append(f'{at}.env[{index}].name: Invalid value: "{variable["name"]}": a valid environment …')
    limits, requests = (container.get("resources", {}).get(key) or {} for key in ("limits", "requests"))
    for key, value in requests.items():
        if key == "cpu" and key in limits and cores(value) > cores(limits[key]):
            faults.append(f'{at}.resources.requests: Invalid value: "{value}": must be less than or equal to cpu limit')
    for index, mount in enumerate(container.get("volumeMounts") or []):
        if not mount.get("mountPath"):
            faults.append(f"{at}.volumeMounts[{index}].mountPath: Required value")
        if mount["name"] not in volumes:
            faults.append(f'{at}.volumeMounts[{index}].name: Not found: "{mount["name"]}"')
        if ".." in (mount.get("subPath") or "").split("/"):
            faults.append(f"{at}.volumeMounts.subPath: Invalid value: \"{mount['subPath']}\": must not contain '..'")
    return faults


def cores(quantity: str) -> float:
    """A quantity of cpu as cores."""
    return int(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def merge(item: Json, patch: Json) -> None:
    """JSON merge patch (RFC 7386)."""
    for key, value in patch.items():
        if value is None:
            item.pop(key, None)
        elif isinstance(value, dict):
            merge(item.setdefault(key, {}), value)
        else:
            item[key] = value


class Event(NamedTuple):
    """What a watch tells."""

    version: int
    kind: Kind
    type: str
    object: Json


class Objects:
    """The Jobs and pods of the cluster. Hold ``changed`` to read or change them; waiting on it waits for a change."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.version = 1000
        self.kept: dict[Kind, dict[tuple[str, str], Json]] = {"jobs": {}, "pods": {}}
        self.events: list[Event] = []

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """One object, not a copy. Raises Refusal."""
        try:
            return self.kept[kind][namespace, name]
        except KeyError:
            raise not_found(kind, name) from None

    def all(self, kind: Kind) -> list[Json]:
        """All objects of a kind, in order of their making."""
        return list(self.kept[kind].values())

    def add(self, kind: Kind, item: Json) -> None:
        """Take a new object. Raises Refusal where its name is taken."""
        key = (item["metadata"]["namespace"], item["metadata"]["name"])
        there = self.kept[kind].get(key)
        if there:
            going = "object is being deleted: " if there["metadata"].get("deletionTimestamp") else ""
            raise Refusal(409, "AlreadyExists", f'{going}jobs.batch "{key[1]}" already exists')
        item["metadata"] |= {"uid": str(uuid.uuid4()), "generation": 1, "creationTimestamp": now()}
        self.kept[kind][key] = item
        self.tell(kind, "ADDED", item)

    def remove(self, kind: Kind, item: Json) -> None:
        """Forget an object."""
        del self.kept[kind][item["metadata"]["namespace"], item["metadata"]["name"]]
        self.tell(kind, "DELETED", item)

    def tell(self, kind: Kind, type: str, item: Json) -> None:
        """Give an object its next version and tell those who watch."""
        with self.changed:
            self.version += 1
            item["metadata"]["resourceVersion"] = str(self.version)
            self.events.append(Event(self.version, kind, type, copy.deepcopy(item)))
            self.changed.notify_all()
