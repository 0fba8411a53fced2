"""What a pod waits for that has not started. Pure."""

import re
from typing import Any

from pfcon.compute.kubernetes.pod_ends import OTHER_CLAIM
from pfcon.compute.kubernetes.scheduler_words import lack
from pfcon.compute.kubernetes.sight import Sight
from pfcon.compute.kubernetes.spec import MARK_MOUNT
from pfcon.compute.registries import image_failure
from pfcon.compute.runtimes import start_failure
from pfcon.compute.words import plain
from pfcon.reasons import Reason, Why, explain

# state.waiting.reason (Kubernetes source, pkg/kubelet/images/types.go and kuberuntime) of a pod that can't start now. A
# kubelet retries most of them, so the engine ends the job only after some time.
_NO_IMAGE = {
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
}
_NO_CONTAINER = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreStartHookError"}
_PREPARING = {"ContainerCreating", "PodInitializing"}
_BACK_OFF = re.compile(r"Back-off pulling image \"[^\"]*\"(?:: )?")
_NO_CLAIM = re.compile(r"persistentvolumeclaim \"([^\"]*)\" (?:not found|is being deleted)")


def wait_of(sight: Sight) -> tuple[bool, Why]:
    """Return what a pod waits for, and whether it can't start unless something outside of it changes."""
    waiting: dict[str, Any] = sight.now.get("waiting") or {}
    named, text = str(waiting.get("reason") or ""), plain(str(waiting.get("message") or ""))
    if named in _NO_IMAGE:
        return True, _image_failure(sight, named, text)
    if named in _NO_CONTAINER:
        return True, OTHER_CLAIM if MARK_MOUNT in text else _start_failure(sight, named, text)
    if named in _PREPARING:
        on = f" on {sight.node}" if sight.node else ""
        return False, Why(f"its machine prepares it{on}: volumes, then image {sight.image}")
    if named:
        return False, Why(f"{named}: {text}" if text else named)
    return _unscheduled(sight)


def _image_failure(sight: Sight, named: str, text: str) -> Why:
    """Return why an image can't be fetched. While a kubelet waits before it tries again, older ones give no reason."""
    if named == "InvalidImageName":
        return explain(Reason.INVALID_IMAGE_NAME, image=sight.image, detail=text)
    said = _BACK_OFF.sub("", text)
    return image_failure(sight.image, said) if said else explain(Reason.IMAGE_FAILED, image=sight.image)


def _start_failure(sight: Sight, named: str, text: str) -> Why:
    """Return why a container can't be created. Some runtimes look for the command already then."""
    known = start_failure(text, sight.image, sight.command)
    return known or explain(Reason.ENGINE_FAULT, cause=text, detail=text or named)


def _unscheduled(sight: Sight) -> tuple[bool, Why]:
    """Return stage and message of a pod without a node, from the scheduler's condition."""
    for condition in sight.status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            text = plain(str(condition.get("message") or condition.get("reason") or ""))
            if missing := _NO_CLAIM.search(text):
                cause = f"its volume {missing[1]} (VOLUME_NAME) does not exist"
                return True, explain(Reason.ENGINE_SETUP, cause=cause, detail=text)
            return False, explain(Reason.UNSCHEDULABLE, cause=lack(text), detail=text)
    return False, Why("waiting for a machine")
