"""The init that Docker (tini), Podman (catatonit) and Swarm's nodes run before a job's own command. Pure.

It reaps orphans, passes signals on, and lets the command have its own: the first process of a container has none
(pid_namespaces(7)). With it, a command that can't be run is no fault of the start any more: the container runs, the
init says why, in one line that is all of the log, and ends. The texts are those of tini 0.19 and catatonit 0.1.7.
"""

import re

CODES = frozenset({1, 126, 127})
"""The exit codes of an init that could not run the command: catatonit has but the first."""

LONGEST = 16 * 1024
"""Bytes of a log to read, from its beginning: a log that goes on is one of a command that ran."""

_SAID = re.compile(
    r"\[FATAL tini \(\d+\)\] exec (?s:.*) failed: (.*)|ERROR \(catatonit:\d+\): failed to exec pid1: (.*)"
)
_LACKING = re.compile(r"\bdocker-init\b|\bcontainer-init binary\b|\binit binary\b|\bcatatonit\b")
_NOWHERE = "No such file or directory"


def start_failure(log: str, image: str, command: str) -> str | None:
    """Why an init could not run the command, by its container's log; None where the command has run."""
    said = _SAID.fullmatch(log.strip())
    if said is None:
        return None
    reason = said[1] or said[2]
    if reason == _NOWHERE:
        return f"no such command in image {image}: {command}"
    return f"not executable in image {image}: {command}" + ("" if reason == "Permission denied" else f" ({reason})")


def lacking(text: str, *, podman: bool) -> str | None:
    """What to say when a container could not be made or started because the engine has no init; None otherwise."""
    return missing(podman=podman) if _LACKING.search(text) else None


def missing(*, podman: bool) -> str:
    """What is missing on the engine's machine, and why that matters."""
    program, package = ("catatonit", "catatonit") if podman else ("docker-init", "tini")
    return (
        f"the container engine's machine has no {program} (in Debian it is in {package}), without which a job would "
        "keep its orphans and not heed its own signals"
    )


def missing_of_docker(info: dict[str, object]) -> bool:
    """Whether Docker says in its SystemInfo (Engine API reference) that it can't run its init."""
    commit = info.get("InitCommit")
    return isinstance(commit, dict) and commit.get("ID") == "N/A"
