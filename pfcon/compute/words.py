"""Messages for users about engines, container runtimes and image registries. Pure."""

import re
import signal

from pfcon.errors import Refused
from pfcon.models import TIME_LIMIT
from pfcon.units import MIB

CANCELLED = "cancelled"
"""The message of a job that pfcon was asked to cancel."""

_MAX_TEXT = 500
_AT_TIME_LIMIT = re.compile(r"stopped at its time limit(?: of \d+ minutes?)?", re.ASCII)

# Texts of runc and crun, as Docker and Podman forward them; Podman adds a guess of its own, also for mounts. They are
# not part of any API: the ones recorded in tests/data/docker are recognized.
_NO_COMMAND = re.compile(
    r"exec: \".*\": (?:executable file not found|stat .*: no such file|no such file)|executable file \S+ not found",
    re.IGNORECASE,
)
_NOT_EXECUTABLE = re.compile(
    r"exec: \".*\": (?:stat .*: )?(?:permission denied|is a directory|not a directory)|exec \S+ exec format error"
    r"|exec: .*exec format error|open executable: permission denied|exists but it is not executable",
    re.IGNORECASE,
)
# Texts of registries, as forwarded by the programs that fetch images.
_NO_REGISTRY = re.compile(
    r"connection refused|no such host|i/o timeout|no route to host|network is unreachable|deadline exceeded"
    r"|Client\.Timeout|TLS handshake|server misbehaving|name resolution",
    re.IGNORECASE,
)
_NO_IMAGE = re.compile(r"manifest unknown|manifest for .* not found|name unknown|not found: manifest", re.IGNORECASE)
_DENIED = re.compile(r"denied|unauthorized|authentication required|no basic auth", re.IGNORECASE)


def time_limit_message(minutes: int | None) -> str:
    """Return the message of a job that was stopped at its time limit; None: the limit is not known."""
    if minutes is None:
        return "stopped at its time limit"
    return f"stopped at its time limit of {minutes} minute{'s' * (minutes != 1)}"


def stop_reason(message: str) -> str:
    """Return the ``JobInfo.reason`` of a job that pfcon has stopped with that message; ``""`` if it has none."""
    return TIME_LIMIT if _AT_TIME_LIMIT.fullmatch(message) else ""


def plain(text: str) -> str:
    """Return an engine's text as one line of limited length."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 1] + "…"


def signal_name(code: int) -> str:
    """Return the name of the signal in an exit code as shells report it (128 + number); ``""`` if it has none."""
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return ""


def exit_message(code: int, limit: int, *, oom_killed: bool) -> str:
    """Return why a job has failed after its start; ``""`` after success.

    limit: the job's memory limit in bytes, 0 for none. oom_killed: whether the engine reports that it ran out of
    memory.
    """
    name = signal_name(code)
    if code == 0:
        message = ""
    elif oom_killed:
        message = "out of memory: "
        message += f"the job exceeded its limit of {limit // MIB} MiB" if limit else "the machine has no memory left"
    elif name == "SIGKILL" and limit:
        # Podman 4.3 never sets OOMKilled on cgroups v1, Docker not for every way to run out of memory, and a Swarm
        # does not report it for containers of other nodes.
        message = f"killed by signal SIGKILL, probably out of memory: the job's limit is {limit // MIB} MiB"
    elif name:
        message = f"killed by signal {name}"
    else:
        message = f"exit code {code}"
    return message


def start_failure(text: str, image: str, command: str) -> str | None:
    """Return the message for a job whose command is missing in the image or can't run; None for other reasons."""
    if _NO_COMMAND.search(text):
        return f"no such command in image {image}: {command}"
    if _NOT_EXECUTABLE.search(text):
        return f"not executable in image {image}: {command}"
    return None


def refusal(image: str, reason: str) -> Refused:
    """Return the error for an image that can't be fetched, with pfcon's reason and the registry's."""
    reason = plain(reason)
    if _NO_REGISTRY.search(reason):
        why = f"its registry can't be reached ({reason})"
    elif _NO_IMAGE.search(reason):
        why = f"its registry does not have it ({reason})"
    elif _DENIED.search(reason):
        why = f"its registry denies access, or does not have it ({reason})"
    else:
        why = reason
    return Refused(f"image {image} can't be pulled: {why}")
