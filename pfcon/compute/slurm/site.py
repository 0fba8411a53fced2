"""Facts about a cluster that are cached for some minutes: its settings, and the user who submits."""

import os
import threading
import time

from pfcon.compute.slurm.commands import Commands
from pfcon.compute.slurm.parsing import CONFIG_COMMAND, Facts, facts
from pfcon.compute.words import plain
from pfcon.errors import Unreachable

_KEPT = 600.0  # seconds


class SiteFacts:
    """Thread-safe. Every method raises Unreachable if the value is not cached and the cluster does not answer."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._lock = threading.Lock()
        self._facts: Facts | None = None
        self._until = 0.0  # monotonic seconds
        self._user: tuple[int, int] | None = None

    def user(self) -> tuple[int, int]:
        """Return uid and gid of the user who submits; they are the same on all hosts of a cluster."""
        if self._user is None:
            if self._commands.remote:
                said = [self._commands.run(["id", option]).strip() for option in ("-u", "-g")]
                if not all(text.isascii() and text.isdigit() for text in said):
                    printed = plain(" ".join(said))
                    raise Unreachable(f"SLURM_PREFIX: `id -u` and `id -g` do not print numbers there: {printed}")
                self._user = (int(said[0]), int(said[1]))
            else:
                self._user = (os.geteuid(), os.getegid())
        return self._user

    def facts(self) -> Facts:
        """Return the cluster's settings."""
        with self._lock:
            if self._facts is None or time.monotonic() > self._until:
                self._facts = facts(self._commands.run(list(CONFIG_COMMAND)))
                self._until = time.monotonic() + _KEPT
            return self._facts
