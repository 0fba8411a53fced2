"""Runs Slurm's commands, and those that create images, with a timeout; translates their failures to pfcon's errors."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from pfcon.compute.stopping import Stop
from pfcon.compute.unanswered import NoAnswer
from pfcon.compute.words import plain
from pfcon.errors import ConfigurationError, Refused

PACKAGES = {
    **dict.fromkeys(("sbatch", "squeue", "scancel", "scontrol", "sacct"), "slurm-client"),
    "skopeo": "skopeo",
    "umoci": "umoci",
}
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
_SSH_FAULT = 255  # ssh(1), "EXIT STATUS"
_NO_COMMAND = 127
_LABEL = re.compile(r"^(?:sbatch|squeue|scancel|scontrol|sacct|umoci|skopeo|srun): (?:error|fatal): ?", re.MULTILINE)


@dataclass(frozen=True)
class Commands:
    """prefix: the first words of each command; with ssh, it runs on another host. timeout: seconds for each."""

    prefix: tuple[str, ...] = ()
    timeout: float = 30

    @property
    def remote(self) -> bool:
        """Whether commands may run on another host, where storeBase has the same path as on the nodes."""
        return bool(self.prefix)

    def words(self, command: Sequence[str]) -> list[str]:
        """Return a command with its prefix. For ssh it is quoted as one argument, because a remote shell parses it."""
        if not self.prefix:
            return [*command]
        whole = ["env", *(f"{key}={value}" for key, value in _FORMAT.items()), *command]
        if PurePath(self.prefix[0]).name == "ssh":
            return [*self.prefix, shlex.join(whole)]
        return [*self.prefix, *whole]

    def run(
        self, command: Sequence[str], stdin: str = "", timeout: float | None = None, stop: Stop | None = None
    ) -> str:
        """Run a command; return its output. ``stop`` kills it.

        Raises NoAnswer if Slurm does not answer, Refused with the command's own reason.
        """
        seconds = self.timeout if timeout is None else timeout
        try:
            process = subprocess.Popen(
                self.words(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(command[0]),
                cwd="/",
                start_new_session=True,
            )
        except FileNotFoundError as fault:
            raise error_of((self.prefix or command)[0], _NO_COMMAND, "") from fault
        except OSError as fault:
            raise NoAnswer(f"{(self.prefix or command)[0]}: {fault.strerror}", may_have_arrived=False) from fault
        with process:
            try:
                with (stop or Stop()).interrupting(lambda: _kill(process)):
                    output, errors = process.communicate(stdin.encode("utf-8", "surrogateescape"), seconds)
            except BaseException as fault:  # also if the worker is asked to exit: no command may continue
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(fault, subprocess.TimeoutExpired):
                    raise NoAnswer(f"{command[0]} has not answered in {seconds:g} s", may_have_arrived=True) from fault
                raise
        if process.returncode:
            raise error_of(command[0], process.returncode, errors.decode("utf-8", "replace"))
        return output.decode("utf-8", "replace")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a command and all processes that it has started; no-op if it has ended."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _environment(program: str) -> dict[str, str]:
    kept = (*_KEPT, *_FOR_REGISTRIES) if program == "skopeo" else _KEPT
    return {key: os.environ[key] for key in kept if key in os.environ} | _FORMAT


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
    if status == _NO_COMMAND:
        reason = f"{program} is not installed (Debian package: {PACKAGES.get(program, program)})"
    if program in ("skopeo", "umoci") and status != _SSH_FAULT:
        return Refused(reason)  # not from Slurm
    if status == _NO_COMMAND:
        return NoAnswer(reason, may_have_arrived=False)
    asks_only = program != "sbatch"  # its failure does not mean that a job was refused
    if status == _SSH_FAULT or asks_only or _AWAY.search(reason):
        return NoAnswer(
            f"Slurm does not answer: {reason}",
            may_have_arrived=not _NOT_SENT.search(reason) and status != _SSH_FAULT,
        )
    return Refused(reason)
