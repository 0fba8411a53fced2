"""Ports in another network namespace, for root on Linux: a way to one, and servers that listen there."""

import contextlib
import ctypes
import os
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from .readable import readable

CLONE_NEWNET = 0x40000000  # sched.h
READ = 64 * 1024
T = TypeVar("T")
IDLE_SECONDS = 60


class Door:
    """Passes connections to 127.0.0.1:``port`` where a process lives; a context manager. ``pid``: of that process.

    setns(2) moves the calling thread alone: the threads that connect are moved, the socket that listens stays here.
    """

    def __init__(self, pid: int, port: int) -> None:
        self._namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        self._there = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "Door":
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept up
        for thread in self._threads:
            thread.join()
        self._listener.close()
        os.close(self._namespace)

    def _accept(self) -> None:
        _move_to(self._namespace)
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:  # the listener was shut down
                return
            try:
                there = socket.create_connection(("127.0.0.1", self._there), timeout=IDLE_SECONDS)
            except OSError:  # nobody listens there yet: the client finds its connection closed
                here.close()
                continue
            self._threads.append(threading.Thread(target=_pass_on, args=(here, there)))
            self._threads[-1].start()


def _pass_on(here: socket.socket, there: socket.socket) -> None:
    """Until both sides have ended, or either breaks, or nothing moves for a minute."""
    others = {here: there, there: here}
    reading = {here, there}
    with here, there, contextlib.suppress(OSError):
        while reading and (ready := readable(reading, IDLE_SECONDS)):
            for source in ready:
                if data := source.recv(READ):
                    others[source].sendall(data)
                else:
                    reading.discard(source)
                    others[source].shutdown(socket.SHUT_WR)


def listener_pid(path: str) -> int:
    """Return the ID of the process that listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])


def make_in(pid: int, make: Callable[[], T]) -> T:
    """Return what ``make`` makes in the network of a process: a socket stays in the network in which it was made."""
    made: list[T] = []
    faults: list[Exception] = []

    def run() -> None:
        try:
            namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
            try:
                _move_to(namespace)
            finally:
                os.close(namespace)
            made.append(make())
        except Exception as fault:  # noqa: BLE001 - raised below
            faults.append(fault)

    thread = threading.Thread(target=run)  # setns(2) moves this thread alone
    thread.start()
    thread.join()
    for fault in faults:
        raise fault
    return made[0]


def _move_to(namespace: int) -> None:
    """Move the calling thread. Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
