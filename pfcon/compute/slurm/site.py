"""Facts about a cluster that are cached for some minutes: its settings, and the user who submits."""

import threading
import time

from pfcon.compute.slurm.commands import Commands
from pfcon.compute.slurm.parsing import CONFIG_COMMAND, Facts, facts
from pfcon.compute.slurm.submitting_user import SubmittingUser

_KEPT = 600.0  # seconds


class SiteFacts:
    """Thread-safe. Every method raises Unreachable if the value is not cached and the cluster does not answer."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._lock = threading.Lock()
        self._facts: Facts | None = None
        self._until = 0.0  # monotonic seconds
        self._user = SubmittingUser(commands, "SLURM_PREFIX")

    def user(self) -> tuple[int, int]:
        """Return uid and gid of the user who submits; they are the same on all hosts of a cluster."""
        return self._user.ids()

    def facts(self) -> Facts:
        """Return the cluster's settings."""
        with self._lock:
            if self._facts is None or time.monotonic() > self._until:
                self._facts = facts(self._commands.run(list(CONFIG_COMMAND)))
                self._until = time.monotonic() + _KEPT
            return self._facts
