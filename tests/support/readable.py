"""Which of some files can be read. select(2) knows no descriptor above 1023, and a test process may have more open."""

import math
import select
from collections.abc import Iterable
from typing import Protocol, TypeVar


class HasDescriptor(Protocol):
    """A socket, or an open file."""

    def fileno(self) -> int:
        """The descriptor."""
        ...


F = TypeVar("F", bound=HasDescriptor)


def readable(files: Iterable[F], timeout: float = math.inf) -> list[F]:
    """Wait until some of these can be read, or have ended; those. timeout: seconds, after which there are none."""
    known = {file.fileno(): file for file in files}
    poller = select.poll()
    for descriptor in known:
        poller.register(descriptor, select.POLLIN)
    ready = poller.poll(None if timeout == math.inf else timeout * 1000)
    return [known[descriptor] for descriptor, _ in ready]
