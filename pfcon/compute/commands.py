"""Runs the commands of a batch system with a timeout, on this host or through a prefix such as ssh."""

import contextlib
import os
import shlex
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from pfcon.compute.stopping import Stop
from pfcon.compute.unanswered import NoAnswer
from pfcon.errors import Refused

SSH_FAULT = 255  # ssh(1), "EXIT STATUS"
NO_COMMAND = 127


@dataclass(frozen=True)
class CommandRunner(ABC):
    """prefix: the first words of each command; with ssh, it runs on another host. timeout: seconds for each."""

    prefix: tuple[str, ...] = ()
    timeout: float = 30

    @property
    def remote(self) -> bool:
        """Whether commands may run on another host, where storeBase has the same path as on the nodes."""
        return bool(self.prefix)

    @abstractmethod
    def formats(self) -> Mapping[str, str]:
        """Return the variables that set the format of all output; a remote command gets only these."""

    @abstractmethod
    def environment(self, program: str) -> dict[str, str]:
        """Return the environment in which a command of this host runs."""

    @abstractmethod
    def error_of(self, program: str, status: int, text: str) -> NoAnswer | Refused:
        """Return the error for a failed command. text: its stderr."""

    def words(self, command: Sequence[str]) -> list[str]:
        """Return a command with its prefix. For ssh it is quoted as one argument, because a remote shell parses it."""
        if not self.prefix:
            return [*command]
        whole = ["env", *(f"{key}={value}" for key, value in self.formats().items()), *command]
        if PurePath(self.prefix[0]).name == "ssh":
            return [*self.prefix, shlex.join(whole)]
        return [*self.prefix, *whole]

    def run(
        self, command: Sequence[str], stdin: str = "", timeout: float | None = None, stop: Stop | None = None
    ) -> str:
        """Run a command; return its output. ``stop`` kills it.

        Raises NoAnswer if the system does not answer, Refused with the command's own reason.
        """
        seconds = self.timeout if timeout is None else timeout
        try:
            process = subprocess.Popen(
                self.words(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.environment(command[0]),
                cwd="/",
                start_new_session=True,
            )
        except FileNotFoundError as fault:
            raise self.error_of((self.prefix or command)[0], NO_COMMAND, "") from fault
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
            raise self.error_of(command[0], process.returncode, errors.decode("utf-8", "replace"))
        return output.decode("utf-8", "replace")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a command and all processes that it has started; no-op if it has ended."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
