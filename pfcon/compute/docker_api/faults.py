"""Translates error responses of a Docker API to pfcon's errors, by their texts. Pure.

The texts are not part of any API; the ones recorded in tests/data/docker are recognized.
"""

import re

from pfcon import network
from pfcon.compute.unanswered import NoAnswer
from pfcon.compute.words import plain
from pfcon.errors import Absent, Conflict, PfconError, Refused, Unreachable, refused
from pfcon.reasons import Reason, explain

_TRANSIENT = re.compile(
    r"no space left|too many open files|temporarily unavailable|cannot allocate memory|connection refused"
    r"|deadline exceeded|timed? ?out|transport is closing|is unavailable|shim.* (?:exited|closed)|resource busy"
    r"|does not have a leader|no such process",
    re.IGNORECASE,
)

# What a job may request, and the texts of Docker, Podman, runc and crun that refuse it.
_REQUESTS = (
    (
        "cpu_limit: it has {0} processors",
        re.compile(r"range of CPUs is from \S+ to ([0-9]+)", re.IGNORECASE),
    ),
    (
        "cpu_limit is less than its kernel accepts",
        re.compile(r"cpu\.(?:cfs_quota_us|max|shares|weight)\S* *:? .*invalid argument|CPU cfs quota", re.IGNORECASE),
    ),
    (
        "memory_limit: the least that it accepts is {0}",
        re.compile(r"minimum memory limit allowed is ([0-9]+ ?\w*B)", re.IGNORECASE),
    ),
    (
        "gpu_limit: it has no GPU that containers can use",
        re.compile(r"could not select device driver|nvidia-container-cli|unresolvable CDI devices", re.IGNORECASE),
    ),
)


def error_of(status: int, text: str, *, verdict: bool = False) -> PfconError:
    """Return pfcon's error for an HTTP error of the engine.

    verdict: the request asks whether the engine supports something; a 500 may mean that it does not.
    """
    text = plain(text) or f"the container engine answered with status {status}"
    # Podman reports both with a 500 too, the second while another process removes the container; so does a Swarm
    # of a service that has changed since it was read.
    if status == 409 or (status == 500 and re.search("name is already in use|update out of sequence", text)):
        return Conflict(text)
    if status == 404 or (status == 500 and text.endswith("no such container")):
        return Absent(text)
    if status in (408, 429) or status > 500 or (status == 500 and _TRANSIENT.search(text)):
        return Unreachable(f"the container engine can't do that now: {text}")
    if status in (400, 500) and (request := next(filter(None, (_request(text, *known) for known in _REQUESTS)), "")):
        return refused(explain(Reason.UNSCHEDULABLE, request=request, detail=text))
    if status < 500 or verdict:
        return Refused(f"the container engine refuses: {text}")
    return Unreachable(f"the container engine failed: {text}")


def _request(text: str, request: str, said: "re.Pattern[str]") -> str:
    """Return a request with the numbers of the text that refuses it; ``""`` for another text."""
    found = said.search(text)
    return request.format(*found.groups()) if found else ""


def no_answer(where: str, fault: BaseException) -> NoAnswer:
    """Return pfcon's error for a request without a response, from the exception of any library."""
    found = network.explain(fault)
    return NoAnswer(
        f"the container engine at {where} does not answer: {found.reason}",
        may_have_arrived=found.may_have_arrived,
    )
