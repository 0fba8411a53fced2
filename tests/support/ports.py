"""Ports of loopback for servers that listen later, or again after a stop.

The kernel assigns ports of its range (ip(7), ip_local_port_range; 32768 and above unless it was changed) to whoever
connects or binds to port 0. Those below are left alone, and each one is reserved here as ``dev/probe.py hold`` does it,
for long: who else looks for a free one does not get it; a server that sets SO_REUSEADDR may listen.
"""

import itertools
import os
import random
import socket
from collections import deque

FIRST, EACH, WORKERS = 16000, 1000, 8  # dev/probe.py takes those below; the Kubernetes of tests/engines those above

MOST = 64  # ports that one process holds: a test may leave it few files to open


def free_port() -> int:
    """A port that nobody else has or holds, held until it has given many others."""
    for port in itertools.islice(_PORTS, EACH):
        if _hold(port):
            return port
    raise OSError(f"none of {EACH} ports from {FIRST} on is free")


def _hold(port: int) -> bool:
    """Bind to a port without SO_REUSEADDR, which fails where any socket is bound; then let servers listen there."""
    holder = socket.socket()
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        holder.close()
        return False
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _HELD.append(holder)
    if len(_HELD) > MOST:
        _HELD.popleft().close()
    return True


def _of_this_worker() -> list[int]:
    """Its ports, from any on: another test run of this machine has the same."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    first, at = FIRST + EACH * worker, random.randrange(EACH)
    return [first + (at + number) % EACH for number in range(EACH)]


_PORTS = itertools.cycle(_of_this_worker())
_HELD: deque[socket.socket] = deque()
