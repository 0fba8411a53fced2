"""What a Docker API's refusals mean: engine texts to our errors. Pure.

The texts are not part of any API; those that tests/data/docker has recorded are what is relied on here.
"""

import re

from pfcon.compute.words import plain
from pfcon.errors import Absent, Conflict, PfconError, Refused, Unreachable
from pfcon.network import silence

_TRANSIENT = re.compile(
    r"no space left|too many open files|temporarily unavailable|cannot allocate memory|connection refused"
    r"|deadline exceeded|timed? ?out|transport is closing|is unavailable|shim.* (?:exited|closed)|resource busy"
    r"|does not have a leader",
    re.IGNORECASE,
)
# runc; crun; both are told of by Docker and by Podman, which adds a guess of its own that is also made for mounts.
_NO_COMMAND = re.compile(
    r"exec: \".*\": (?:executable file not found|stat .*: no such file|no such file)|executable file \S+ not found",
    re.IGNORECASE,
)
_NOT_EXECUTABLE = re.compile(
    r"exec: \".*\": (?:stat .*: )?(?:permission denied|is a directory|not a directory)|exec \S+ exec format error"
    r"|exec: .*exec format error|open executable: permission denied",
    re.IGNORECASE,
)


class NoAnswer(Unreachable):
    """The engine did not answer at all. ``sent``: whether it may have got the request."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


def maybe_created(fault: NoAnswer) -> NoAnswer:
    """The same, saying what silence means while a job is being created."""
    return NoAnswer(f"{fault}; the job may have been created", sent=True)


def error_of(status: int, text: str, *, verdict: bool = False) -> PfconError:
    """Our error for an HTTP error of the engine.

    verdict: the request asks whether the engine can do something for a job, and engines say no with a 500 too.
    """
    text = plain(text) or f"the container engine answered with status {status}"
    # Podman says both of these with a 500 too, the second while somebody else removes the container; so does a Swarm
    # of a service that has changed since it was read.
    if status == 409 or (status == 500 and re.search("name is already in use|update out of sequence", text)):
        return Conflict(text)
    if status == 404 or (status == 500 and text.endswith("no such container")):
        return Absent(text)
    if status in (408, 429) or status > 500 or (status == 500 and _TRANSIENT.search(text)):
        return Unreachable(f"the container engine can't do that now: {text}")
    if status < 500 or verdict:
        return Refused(f"the container engine refuses: {text}")
    return Unreachable(f"the container engine failed: {text}")


def no_answer(where: str, fault: BaseException) -> NoAnswer:
    """Our error for a request that got no answer, from whatever library was asked."""
    found = silence(fault)
    return NoAnswer(f"the container engine at {where} does not answer: {found.reason}", sent=found.sent)


def start_failure(text: str, image: str, command: str) -> str | None:
    """The message for a job whose command the image does not have or can't run; None for all other reasons."""
    if _NO_COMMAND.search(text):
        return f"no such command in image {image}: {command}"
    if _NOT_EXECUTABLE.search(text):
        return f"not executable in image {image}: {command}"
    return None
