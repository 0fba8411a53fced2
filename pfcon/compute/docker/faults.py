"""What a Docker API's refusals mean: engine texts to our errors. Pure.

The texts are not part of any API; those that tests/data/docker has recorded are what is relied on here.
"""

import re
import socket
import ssl
from http.client import HTTPException

from pfcon.errors import Absent, Conflict, PfconError, Refused, Unreachable

_TRANSIENT = re.compile(
    r"no space left|too many open files|temporarily unavailable|cannot allocate memory|connection refused"
    r"|deadline exceeded|timed? ?out|transport is closing|is unavailable|shim.* (?:exited|closed)|resource busy",
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
_MAX_TEXT = 500


class NoAnswer(Unreachable):
    """The engine did not answer at all. ``sent``: whether it may have got the request."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


def plain(text: str) -> str:
    """An engine's text as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 1] + "…"


def error_of(status: int, text: str, *, verdict: bool = False) -> PfconError:
    """Our error for an HTTP error of the engine.

    verdict: the request asks whether the engine can do something for a job, and engines say no with a 500 too.
    """
    text = plain(text) or f"the container engine answered with status {status}"
    # Podman says both of these with a 500 too, the second while somebody else removes the container.
    if status == 409 or (status == 500 and "name is already in use" in text):
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
    causes = _causes(fault)
    reason, sent = "no answer", True
    for cause in causes:
        if isinstance(cause, ConnectionRefusedError | FileNotFoundError | PermissionError | socket.gaierror):
            reason, sent = (cause.strerror or "connection refused").lower(), False
            break
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason, sent = f"its certificate is not valid ({cause.verify_message})", False
            break
    else:
        names = {type(cause).__name__.removesuffix("Error") for cause in causes}  # requests' and urllib3's own
        if "ConnectTimeout" in names:
            reason, sent = "no connection in time", False
        elif "ReadTimeout" in names or any(isinstance(cause, TimeoutError) for cause in causes):
            reason = "no answer in time"
        elif any(isinstance(cause, ConnectionError | HTTPException) for cause in causes):
            reason = "the connection broke"
    return NoAnswer(f"the container engine at {where} does not answer: {reason}", sent=sent)


def _causes(fault: BaseException) -> list[BaseException]:
    """A fault and all that it was made from, the outermost first."""
    found: list[BaseException] = []
    waiting: list[object] = [fault]
    while waiting and len(found) < 20:
        item = waiting.pop(0)
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            waiting += [*item.args, getattr(item, "reason", None), item.__cause__, item.__context__]
    return found


def start_failure(text: str, image: str, command: str) -> str | None:
    """The message for a job whose command the image does not have or can't run; None for all other reasons."""
    if _NO_COMMAND.search(text):
        return f"no such command in image {image}: {command}"
    if _NOT_EXECUTABLE.search(text):
        return f"not executable in image {image}: {command}"
    return None
