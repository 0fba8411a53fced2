"""A port of this machine's loopback that leads to a port of another network namespace, for root on Linux."""

import contextlib
import ctypes
import os
import socket
import threading
from types import TracebackType

from .readable import readable

CLONE_NEWNET = 0x40000000  # sched.h
READ = 64 * 1024
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
        if ctypes.CDLL(None, use_errno=True).setns(self._namespace, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
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
