"""Signals that end a command, as exceptions."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """A signal to end. number: of the signal."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise Interrupted for SIGINT, SIGTERM and SIGHUP, unless they are ignored, as SIGHUP is by ``nohup``."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
