"""The init that Docker (tini), Podman (catatonit) and Swarm's nodes run before a job's own command. Pure.

It reaps orphans and forwards signals. Without it the command would be the first process of the container, which ignores
signals by default (pid_namespaces(7)). With it, the start succeeds also if the command can't be run: the init then
writes the reason, as the only line of the log, and ends. See ``runtimes.failure_in_log``.
"""

import re

_LACKING = re.compile(r"\bdocker-init\b|\bcontainer-init binary\b|\binit binary\b|\bcatatonit\b")


def lacking(text: str, *, podman: bool) -> str | None:
    """Return the message if a container could not be created or started because the engine has no init; else None."""
    return missing(podman=podman) if _LACKING.search(text) else None


def missing(*, podman: bool) -> str:
    """Return a message about what is missing on the engine's machine, and why it is needed."""
    program, package = ("catatonit", "catatonit") if podman else ("docker-init", "tini")
    return f"the container engine's machine has no {program} (Debian package: {package}), which runs each job"


def missing_of_docker(info: dict[str, object]) -> bool:
    """Return whether Docker's SystemInfo (Engine API reference) reports that it can't run its init."""
    commit = info.get("InitCommit")
    return isinstance(commit, dict) and commit.get("ID") == "N/A"
