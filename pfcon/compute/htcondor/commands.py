"""HTCondor's commands: their environment; their failures as pfcon's errors."""

import os
import re
import shutil
from collections.abc import Mapping

from pfcon.compute.commands import NO_COMMAND, SSH_FAULT, CommandRunner
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.unanswered import NoAnswer
from pfcon.compute.words import plain
from pfcon.errors import ConfigurationError, Refused, Unreachable

PACKAGE = "condor"
TOOLS = ("condor_submit", "condor_q", "condor_rm", "condor_history", "condor_status")
_KEPT = (
    *("PATH", "HOME", "USER", "LOGNAME", "CONDOR_CONFIG", "SSH_AUTH_SOCK", "KRB5CCNAME"),
    *("BEARER_TOKEN", "BEARER_TOKEN_FILE", "XDG_RUNTIME_DIR", "X509_USER_PROXY"),
)
_OWN = "_CONDOR_"  # the beginning of variables that set HTCondor's configuration
_FORMAT = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
# Texts of HTCondor: src/condor_utils/submit_utils.cpp, src/condor_daemon_client, src/condor_io (CEDAR, SECMAN).
_NOT_SENT = re.compile(r"can't find address|failed to connect|CONDOR_CONFIG", re.IGNORECASE)
_AWAY = re.compile(
    rf"{_NOT_SENT.pattern}|\bCEDAR:|\bSECMAN:|\bAUTHENTICATE:|authenticat|timed? ?out|communication error"
    r"|failed to commit|unable to contact|connection (?:refused|reset|closed)|no route to host|not running",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^(?:condor_\w+: )?(?:ERROR|Error|WARNING): ?|^condor_\w+: ", re.MULTILINE)
_ADVICE = "Extra Info:"  # of condor_q: general advice follows
_NOT_IN_QUEUE = re.compile(r"couldn't find/remove|already (?:marked for removal|completed)|not found", re.IGNORECASE)


class Commands(CommandRunner):
    """HTCondor's commands."""

    def formats(self) -> Mapping[str, str]:
        """See CommandRunner."""
        return _FORMAT

    def environment(self, _program: str) -> dict[str, str]:
        """See CommandRunner."""
        kept = [key for key in os.environ if key in _KEPT or key.startswith(_OWN)]  # others may change meanwhile
        return {key: os.environ[key] for key in kept} | _FORMAT

    def error_of(self, program: str, status: int, text: str) -> NoAnswer | Refused:
        """See CommandRunner."""
        return error_of(program, status, text)


def where(settings: HTCondorSettings) -> list[str]:
    """Return the arguments of each command that name the pool and the schedd."""
    words = ["-pool", settings.pool] if settings.pool else []
    return [*words, *(["-name", settings.schedd] if settings.schedd else [])]


def had_left(fault: Unreachable) -> bool:
    """Return whether condor_rm has failed because the job has ended, or is being removed."""
    return bool(_NOT_IN_QUEUE.search(str(fault)))


def require_tools(prefix: tuple[str, ...]) -> None:
    """Raise ConfigurationError if HTCondor's commands are not installed here and do not run on another host."""
    missing = [] if prefix else [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        advice = f"install them (Debian package: {PACKAGE}), or set HTCONDOR_PREFIX to run them on another host"
        raise ConfigurationError([f"CONTAINER_ENV=htcondor: this host has no {', '.join(missing)}; {advice}"])


def error_of(program: str, status: int, text: str) -> NoAnswer | Refused:
    """Return the error for a failed command. Pure. text: its stderr."""
    reason = plain(_LABEL.sub("", text.partition(_ADVICE)[0])) or f"exit status {status}"
    if reason == "(null)":  # of 23.9, for an address that nobody listens to
        reason = "failed to connect to the schedd"
    if status == NO_COMMAND:
        return NoAnswer(f"{program} is not installed (Debian package: {PACKAGE})", may_have_arrived=False)
    asks_only = program != "condor_submit"  # its failure does not mean that a job was refused
    if status == SSH_FAULT or asks_only or _AWAY.search(reason):
        return NoAnswer(
            f"HTCondor does not answer: {reason}",
            may_have_arrived=not _NOT_SENT.search(reason) and status != SSH_FAULT,
        )
    return Refused(reason)
