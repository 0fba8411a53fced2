"""The user who submits jobs to a batch system."""

import os
from collections.abc import Sequence

from pfcon.compute.commands import CommandRunner
from pfcon.compute.words import plain
from pfcon.errors import Unreachable


def local_user(prefix: Sequence[str]) -> tuple[int, int] | None:
    """Return uid and gid of the user who submits; None if commands run elsewhere, or as another user."""
    return None if prefix else (os.geteuid(), os.getegid())


class SubmittingUser:
    """The user, who is the same on all hosts of a cluster, and is read once. variable: the setting of the prefix."""

    def __init__(self, commands: CommandRunner, variable: str) -> None:
        self._commands = commands
        self._variable = variable
        self._user: tuple[int, int] | None = None

    def ids(self) -> tuple[int, int]:
        """Return uid and gid. Raises Unreachable if they are not known yet and the other host does not answer."""
        if self._user is None:
            if self._commands.remote:
                said = [self._commands.run(["id", option]).strip() for option in ("-u", "-g")]
                if not all(text.isascii() and text.isdigit() for text in said):
                    printed = plain(" ".join(said))
                    raise Unreachable(f"{self._variable}: `id -u` and `id -g` do not print numbers there: {printed}")
                self._user = (int(said[0]), int(said[1]))
            else:
                self._user = (os.geteuid(), os.getegid())
        return self._user
