"""What the machines of a cluster lack for a job, from the words of its scheduler. Pure.

They are those of the plugins of kube-scheduler (Kubernetes source, pkg/scheduler/framework/plugins), 1.20 to 1.36.
"""

import re

_PREEMPTION = re.compile(r"(?:, no new claims to deallocate)?,? preemption: .*")  # what the scheduler tried besides
_INSUFFICIENT = re.compile(r"\bInsufficient ([\w./-]+\w)")
_AMOUNTS = {"cpu": "CPU", "memory": "memory", "ephemeral-storage": "disk"}
_NUMBERS = ((re.compile(r"pods"), "places for jobs"), (re.compile(r"(nvidia|amd|gpu\.intel)\.com/.*|.*/gpu"), "GPUs"))
_CAUSES = (
    (r"Too many pods", "too few free places for jobs"),
    (r"\btaint", "machines are reserved for other jobs, or not ready (taints)"),
    (r"volume node affinity|exceed max volume", "machines can't reach the job's volume"),
    (r"(?<!volume )node affinity|node selector", "machines do not have the labels that jobs ask for (node selector)"),
    (r"unschedulable", "machines are closed for maintenance"),
)


def lack(text: str) -> str:
    """Return why no machine can run a job now; the scheduler's own words if they are not known."""
    text = _PREEMPTION.sub("", text)
    scarce = list(dict.fromkeys(_INSUFFICIENT.findall(text)))
    amounts = [_AMOUNTS.get(name, name) for name in scarce if not _number(name)]
    causes = [f"too little free {' and '.join(amounts)}"] if amounts else []
    causes += [f"too few free {number}" for name in scarce if (number := _number(name))]
    causes += [cause for pattern, cause in _CAUSES if re.search(pattern, text)]
    return "; ".join(causes) or text


def _number(resource: str) -> str:
    """Return what of a resource is counted; empty for one of which there is an amount."""
    return next((word for pattern, word in _NUMBERS if pattern.fullmatch(resource)), "")
