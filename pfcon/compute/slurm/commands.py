"""Slurm's commands, and those that create images: their environment; their failures as pfcon's errors."""

import os
import re
import shutil
from collections.abc import Mapping

from pfcon.compute.commands import NO_COMMAND, SSH_FAULT, CommandRunner
from pfcon.compute.unanswered import NoAnswer
from pfcon.compute.words import plain
from pfcon.errors import ConfigurationError, Refused

PACKAGES = {
    **dict.fromkeys(("sbatch", "squeue", "scancel", "scontrol", "sacct"), "slurm-client"),
    "skopeo": "skopeo",
    "umoci": "umoci",
    "unsquashfs": "squashfs-tools",
}
_OF_IMAGES = ("skopeo", "umoci", "unsquashfs")
# The variables of the service's environment that commands need. They would read SLURM_* and SBATCH_* as options.
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SLURM_CONF", "SSH_AUTH_SOCK", "KRB5CCNAME")
# skopeo also needs the location of registries' passwords (containers-auth.json(5)), and the proxies for the internet.
_FOR_REGISTRIES = ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "DOCKER_CONFIG", "http_proxy", "https_proxy", "no_proxy")
_FORMAT = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "SLURM_TIME_FORMAT": "standard"}
_AWAY = re.compile(
    r"unable to contact slurm controller|connection (?:refused|timed out)|timed out on send|socket timed out"
    r"|backup controller|zero bytes were transmitted|unexpected message received|resource temporarily unavailable"
    r"|could not establish a configuration source|munge|authentication|slurmctld.*(?:not running|not responding)"
    r"|unable to contact slurm database|connection (?:reset|closed) by|no route to host",
    re.IGNORECASE,
)
_NOT_SENT = re.compile(
    r"unable to contact slurm controller|connection refused|configuration source|munge", re.IGNORECASE
)
_LABEL = re.compile(r"^(?:sbatch|squeue|scancel|scontrol|sacct|umoci|skopeo|srun): (?:error|fatal): ?", re.MULTILINE)
# unsquashfs.c, create_inode(): of a user who is not root, or root without the capability
_NO_DEVICE = re.compile(r"create_inode: (?:could not|failed to) create (?:character|block) device .*")
_NOT_FATAL = 2  # unsquashfs(1), "EXIT STATUS"


class DevicesLeftOut(Refused):
    """unsquashfs has unpacked all of an image but its device files."""


class Commands(CommandRunner):
    """Slurm's commands, and those that create images."""

    def formats(self) -> Mapping[str, str]:
        """See CommandRunner."""
        return _FORMAT

    def environment(self, program: str) -> dict[str, str]:
        """See CommandRunner."""
        kept = (*_KEPT, *_FOR_REGISTRIES) if program == "skopeo" else _KEPT
        return {key: os.environ[key] for key in kept if key in os.environ} | _FORMAT

    def error_of(self, program: str, status: int, text: str) -> NoAnswer | Refused:
        """See CommandRunner."""
        return error_of(program, status, text)


def require_tools(prefix: tuple[str, ...]) -> None:
    """Raise ConfigurationError if Slurm's commands are not installed here and do not run on another host."""
    needed = [] if prefix else ["sbatch", "squeue", "scancel", "scontrol"]
    missing = [tool for tool in needed if not shutil.which(tool)]
    if missing:
        package = PACKAGES[missing[0]]
        advice = f"install them (Debian package: {package}), or set SLURM_PREFIX to run them on another host"
        raise ConfigurationError([f"CONTAINER_ENV=slurm: this host has no {', '.join(missing)}; {advice}"])


def error_of(program: str, status: int, text: str) -> NoAnswer | Refused:
    """Return the error for a failed command. Pure. The texts are Slurm's: src/common/slurm_errno.c."""
    reason = plain(_LABEL.sub("", text)) or f"exit status {status}"
    if status == NO_COMMAND:
        reason = f"{program} is not installed (Debian package: {PACKAGES.get(program, program)})"
    if program == "unsquashfs" and status == _NOT_FATAL and text and all(map(_NO_DEVICE.fullmatch, text.splitlines())):
        return DevicesLeftOut(reason)
    if program in _OF_IMAGES and status != SSH_FAULT:
        return Refused(reason)  # not from Slurm
    if status == NO_COMMAND:
        return NoAnswer(reason, may_have_arrived=False)
    asks_only = program != "sbatch"  # its failure does not mean that a job was refused
    if status == SSH_FAULT or asks_only or _AWAY.search(reason):
        return NoAnswer(
            f"Slurm does not answer: {reason}",
            may_have_arrived=not _NOT_SENT.search(reason) and status != SSH_FAULT,
        )
    return Refused(reason)
