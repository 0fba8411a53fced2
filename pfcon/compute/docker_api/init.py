"""The init that Docker (tini), Podman (catatonit) and Swarm's nodes run before a job's own command. Pure.

It reaps orphans and forwards signals. Without it the command would be the first process of the container, which ignores
signals by default (pid_namespaces(7)). With it, the start succeeds also if the command can't be run: the init then
writes the reason, as the only line of the log, and ends. The texts are those of tini 0.19 and catatonit 0.1.7.
"""

import re

CODES = frozenset({1, 126, 127})
"""The exit codes of an init that could not run the command: catatonit has only the first."""

LONGEST = 16 * 1024
"""Bytes of a log to read, from its beginning: if the log is longer, the command has run."""

_SAID = re.compile(
    r"\[FATAL tini \(\d+\)\] exec (?s:.*) failed: (.*)|ERROR \(catatonit:\d+\): failed to exec pid1: (.*)"
)
_LACKING = re.compile(r"\bdocker-init\b|\bcontainer-init binary\b|\binit binary\b|\bcatatonit\b")
_NOWHERE = "No such file or directory"


def start_failure(log: str, image: str, command: str) -> str | None:
    """Return why an init could not run the command, by its container's log; None if the command has run."""
    said = _SAID.fullmatch(log.strip())
    if said is None:
        return None
    reason = said[1] or said[2]
    if reason == _NOWHERE:
        return f"no such command in image {image}: {command}"
    return f"not executable in image {image}: {command}" + ("" if reason == "Permission denied" else f" ({reason})")


def lacking(text: str, *, podman: bool) -> str | None:
    """Return the message if a container could not be created or started because the engine has no init; else None."""
    return missing(podman=podman) if _LACKING.search(text) else None


def missing(*, podman: bool) -> str:
    """Return a message about what is missing on the engine's machine, and why it is needed."""
    program, package = ("catatonit", "catatonit") if podman else ("docker-init", "tini")
    return (
        f"the container engine's machine has no {program} (Debian package: {package}); without it, a job would not "
        "reap its orphans, and would ignore signals to itself"
    )


def missing_of_docker(info: dict[str, object]) -> bool:
    """Return whether Docker's SystemInfo (Engine API reference) reports that it can't run its init."""
    commit = info.get("InitCommit")
    return isinstance(commit, dict) and commit.get("ID") == "N/A"
