"""The description of the kubernetes engine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pfcon.compute.base import ComputeEngine
from pfcon.compute.description import EngineContext, EngineDescription
from pfcon.compute.settings import HOST, KUBERNETES_PVC, MAX_TIME_LIMIT, ComputeSettings, JobOption, node_selector
from pfcon.settings import kinds
from pfcon.settings.section import setting, variable
from pfcon.settings.variable import Mode, Values

_OBJECT_NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"  # Kubernetes, "Object Names and IDs": a DNS subdomain
# Kubernetes, "Labels and Selectors": an optional DNS subdomain and a name; a value.
_LABEL_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_LABEL_NAME}")
_LABEL_VALUE = re.compile(rf"({_LABEL_NAME})?")


@dataclass(frozen=True)
class KubernetesSettings:
    """The cluster for Kubernetes Jobs. kubeconfig: see Connection."""

    namespace: str = setting(
        "JOB_NAMESPACE",
        kinds.text("lower-case letters, digits and '-'", r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
        "Namespace of the Kubernetes Jobs.",
        default="default",
    )
    node_selector: tuple[tuple[str, str], ...] = node_selector()
    image_pull_secrets: tuple[str, ...] = setting(
        "IMAGE_PULL_SECRETS",
        kinds.names("names of secrets, separated by commas", _OBJECT_NAME),
        "Secrets for fetching images.",
        unset=(),
        exclusive=True,
    )
    deadline: int = setting(
        "KUBERNETES_DEADLINE_MINUTES",
        kinds.number(2, MAX_TIME_LIMIT, "minutes"),
        "Time after which Kubernetes ends a job of any kind, also one that waits for a node; its log is lost then.",
        default=str(7 * 24 * 60),
        exclusive=True,
    )
    gpu_resource: str = setting(
        "KUBERNETES_GPU_RESOURCE",
        kinds.text("the name of a resource, such as amd.com/gpu", rf"{_OBJECT_NAME}/{_LABEL_NAME}"),
        "Name under which the nodes have their GPUs.",
        default="nvidia.com/gpu",
        exclusive=True,
    )
    kubeconfig: str | None = setting(
        "KUBECONFIG",
        kinds.text("a file, or files separated by ':'", r"[^\x00-\x1f\x7f]+"),
        "Configuration of the connection to Kubernetes, as for kubectl.",
        note="in a pod its service account, else `~/.kube/config`",
    )


def _labels(values: Values, _mode: Mode) -> Iterator[str]:
    """Check the labels: Kubernetes accepts only certain characters."""
    for known in (variable(ComputeSettings, "labels"), variable(KubernetesSettings, "node_selector")):
        for key, value in values.get(known) or ():
            if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
                yield values.fault(known, f"Kubernetes does not accept the label {f'{key}={value}'!r}")


def _deadline(values: Values, _mode: Mode) -> Iterator[str]:
    """Check that a job reaches its time limit before its deadline."""
    known = variable(ComputeSettings, "timelimit")
    limit, deadline = values.get(known), values.get(variable(KubernetesSettings, "deadline"))
    if limit and deadline and limit >= deadline:
        yield values.fault(known, f"which must be less than KUBERNETES_DEADLINE_MINUTES ({deadline})")


def _rules(values: Values, mode: Mode) -> Iterator[str]:
    yield from _labels(values, mode)
    yield from _deadline(values, mode)


def _make(context: EngineContext[KubernetesSettings]) -> ComputeEngine:
    from pfcon.compute.kubernetes.engine import KubernetesEngine

    return KubernetesEngine(context.compute, context.own, context.storebase.root, context.workers)


KUBERNETES = EngineDescription(
    name="kubernetes",
    title="a Kubernetes or OpenShift cluster, one Job for each job",
    make=_make,
    settings=KubernetesSettings,
    volume_types=(KUBERNETES_PVC, HOST),
    aliases=("openshift",),
    options=frozenset({JobOption.USER, JobOption.SHM, JobOption.LABELS}),
    lacks={
        JobOption.PIDS: "The kubelet of a node limits the processes of its pods (`podPidsLimit`): a pod can't",
    },
    rules=_rules,
)
