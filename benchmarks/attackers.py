"""Clients that send too little, many in one light process: raw sockets and one clock."""

import contextlib
import select
import socket
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType

from benchmarks.apart import CONTEXT
from benchmarks.client import HOST
from benchmarks.faults import Broken

TURN = 1.0  # seconds between two bytes of each
AWAY = 1.0  # seconds until a client that was closed comes again


@dataclass(frozen=True)
class Attack:
    """``clients`` connections that send ``first`` at once, and then a byte of ``slow`` each second. Whoever is closed
    comes again a second later.
    """

    clients: int
    first: bytes
    slow: bytes = b""


class _Client:
    def __init__(self, port: int, attack: Attack) -> None:
        self.attack = attack
        self.at = 0
        self.socket = socket.create_connection((HOST, port), 60.0)
        self.socket.sendall(attack.first)
        self.socket.setblocking(False)

    def send_a_byte(self) -> None:
        piece = self.attack.slow[self.at : self.at + 1]
        with contextlib.suppress(BlockingIOError):
            self.at += self.socket.send(piece) if piece else 0

    def is_closed(self) -> bool:
        try:
            return not self.socket.recv(4096)
        except BlockingIOError:
            return False
        except OSError:
            return True


class Attackers:
    """A context in which they all attack; ``closed`` afterwards: how many connections the server has closed."""

    def __init__(self, port: int, attacks: list[Attack]) -> None:
        self._parent, child = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_attack, args=(port, attacks, child), daemon=True)
        self.closed = 0

    def __enter__(self) -> "Attackers":
        self._process.start()
        if (said := self._parent.recv()) != "begun":
            raise Broken(said)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parent.send("stop")
        self.closed = self._parent.recv()
        self._process.join()


def _attack(port: int, attacks: list[Attack], parent: Connection) -> None:
    clients = [_Client(port, attack) for attack in attacks for _ in range(attack.clients)]
    gone: deque[tuple[float, Attack]] = deque()
    closed = 0
    parent.send("begun")
    poll = select.epoll()
    known = {client.socket.fileno(): client for client in clients}
    for number in known:
        poll.register(number, select.EPOLLIN)
    turn = time.monotonic() + TURN
    while not parent.poll():
        for number, _ in poll.poll(max(0.0, min(0.01, turn - time.monotonic()))):
            client = known[number]
            if client.is_closed():
                closed += 1
                poll.unregister(number)
                client.socket.close()
                del known[number]
                gone.append((time.monotonic() + AWAY, client.attack))
        while gone and gone[0][0] <= time.monotonic():
            again = _Client(port, gone.popleft()[1])
            known[again.socket.fileno()] = again
            poll.register(again.socket, select.EPOLLIN)
        if time.monotonic() >= turn:
            turn += TURN
            for client in known.values():
                with contextlib.suppress(OSError):
                    client.send_a_byte()
    poll.close()
    for client in known.values():
        client.socket.close()
    parent.send(closed)
