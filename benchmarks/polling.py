"""Clients that ask for many jobs every few seconds, each time on a new connection, as CUBE does."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from benchmarks.probe import ask_once

AT_ONCE = 32


def poll_all(port: int, requests: Sequence[bytes], interval: float, seconds: float) -> list[float]:
    """Send each request every ``interval`` seconds, evenly spread. Returns the seconds of each answer.

    They count from when a request was due. Raises Broken for any answer but 200.
    """
    asked: list[Future[float]] = []
    begun = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while (due := begun + len(asked) * interval / len(requests)) < begun + seconds:
            time.sleep(max(0.0, due - time.perf_counter()))
            asked.append(pool.submit(ask_once, port, due, requests[len(asked) % len(requests)]))
        return [answer.result() for answer in asked]
