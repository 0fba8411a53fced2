"""A relay in front of an object store that can also fall silent, and users' data in that store."""

import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryFile
from types import TracebackType
from typing import TypeVar

from support.object_stores import SWIFT_USER, client_of, md5
from support.readable import readable
from support.tcp_relay import TcpRelay
from support.user_objects import UserObjects
from swiftclient import client as swiftclient

from pfcon.storage.objects.store import Source

THREADS = 8

T = TypeVar("T")
R = TypeVar("R")


class StoreRelay(TcpRelay):
    """Passes connections on until cut. While it holds, it accepts them, and nothing is passed on."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self._flows = threading.Event()
        self._flows.set()

    def hold(self) -> None:
        """Pass nothing on."""
        self._flows.clear()

    def let_go(self) -> None:
        """Pass on what came meanwhile."""
        self._flows.set()

    def cut(self) -> None:
        """Also let go: a connection that waits has a thread."""
        self.let_go()
        super().cut()

    def pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Copy both ways until one side has said its last, as HTTP servers and clients end connections."""
        while True:
            for source in readable([client, server]):
                self._flows.wait()
                piece = source.recv(65536)
                if not piece:
                    return
                (server if source is client else client).sendall(piece)


class UsersStore:
    """Users' objects, past the relay. A context: all that it holds is removed at the end, and the container."""

    def __init__(self, users: UserObjects) -> None:
        self._users, self._harness = users, users.harness

    def __enter__(self) -> "UsersStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove("")
        self._harness.close()
        if self._users.storage == "swift":
            url, token = swiftclient.get_auth(self._users.url, SWIFT_USER, self._users.key, auth_version="1")
            swiftclient.delete_container(url, token, self._users.container)
        else:
            client_of(self._harness).delete_bucket(Bucket=self._users.container)

    def add(self, objects: Mapping[str, bytes]) -> None:
        """Store objects by their names."""

        def put(item: tuple[str, bytes]) -> None:
            with TemporaryFile() as file:
                file.write(item[1])
                file.flush()
                self._harness.store.put(item[0], Source(file, 0, len(item[1])), md5(item[1]))

        _each(put, objects.items())

    def read(self, prefix: str) -> dict[str, bytes]:
        """All objects below a prefix, by what their names have after it."""
        names = self._harness.names(prefix)
        found = _each(self._harness.read, names)
        return {name.removeprefix(prefix): data for name, data in zip(names, found, strict=True)}

    def remove(self, prefix: str) -> None:
        """Remove all objects below a prefix."""
        _each(self._harness.store.delete, self._harness.names(prefix))


def _each(call: Callable[[T], R], items: Iterable[T]) -> list[R]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(call, items))
