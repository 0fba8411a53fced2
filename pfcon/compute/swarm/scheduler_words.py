"""What the machines of a Swarm lack for a job, from the words of its scheduler. Pure.

They are those of the filters of SwarmKit (manager/scheduler/filter.go), as in "no suitable node (insufficient
resources on 2 nodes)".
"""

_CAUSES = (
    ("insufficient resources", "too little free CPU or memory, or too few free GPUs"),
    ("scheduling constraints not satisfied", "machines do not have the labels that jobs ask for (constraints)"),
    ("not available for new tasks", "machines are down, or closed for maintenance"),
    ("unsupported platform", "the image is for another type of processor"),
    ("max replicas per node", "each machine has as many workers of the job as it may have"),
)


def lack(text: str) -> str:
    """Return why no machine can run a job now; the scheduler's own words if they are not known."""
    return "; ".join(cause for words, cause in _CAUSES if words in text) or text
