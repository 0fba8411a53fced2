"""How tests wait for what has to come."""

import time
from collections.abc import Callable

PATIENCE = 120.0  # seconds: whether something comes is tested, not how quick a machine is that does much else


def eventually(condition: Callable[[], object], timeout: float = PATIENCE) -> bool:
    """Whether a condition comes true in time; seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
