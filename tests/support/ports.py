"""Ports of loopback for servers that listen later, or again after a stop.

The kernel gives ports of its range (ip(7), ip_local_port_range; 32768 and above unless it was changed) to whoever
connects or binds to port 0, so one that was free there may be taken a moment later. Those below are left alone.
"""

import itertools
import os
import random
import socket

FIRST, EACH, WORKERS = 16000, 1000, 8  # dev/probe.py takes those below; the Kubernetes of tests/engines those above


def free_port() -> int:
    """A port that nobody has and no other worker of the test run takes; not given again soon."""
    return next(filter(_is_free, _PORTS))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _of_this_worker() -> list[int]:
    """Its ports, from any on: another test run of this machine has the same."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    first, at = FIRST + EACH * worker, random.randrange(EACH)
    return [first + (at + number) % EACH for number in range(EACH)]


_PORTS = itertools.cycle(_of_this_worker())
