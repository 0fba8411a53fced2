"""Words that several engines tell users. Pure."""

import signal

from pfcon.units import MIB

_MAX_TEXT = 500


def plain(text: str) -> str:
    """An engine's text as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 1] + "…"


def signal_name(code: int) -> str:
    """The name of the signal in an exit code as shells write it (128 + number), or empty."""
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return ""


def exit_message(code: int, limit: int, *, oom_killed: bool) -> str:
    """Why a job failed that ran; empty for one that succeeded.

    limit: the job's limit of memory in bytes, 0 for none. oom_killed: whether the engine says that it was killed
    for want of memory.
    """
    name = signal_name(code)
    if code == 0:
        message = ""
    elif oom_killed:
        message = "out of memory: "
        message += f"the job exceeded its limit of {limit // MIB} MiB" if limit else "the machine has no more"
    elif name == "SIGKILL" and limit:
        # Podman 4.3 never sets OOMKilled on cgroups v1, Docker not for every way to run out of memory, and a Swarm
        # does not tell it of another node's containers.
        message = f"killed by signal SIGKILL, probably out of memory: the job's limit is {limit // MIB} MiB"
    elif name:
        message = f"killed by signal {name}"
    else:
        message = f"exit code {code}"
    return message
