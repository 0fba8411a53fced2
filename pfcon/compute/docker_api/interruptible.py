"""The connections of one long request of the SDK, so that another thread can interrupt the wait for its response."""

import contextlib
import socket
from typing import Any


class InterruptibleConnections:
    """Collects the connections that an adapter of requests opens, of any kind: unix, tcp, TLS or ssh."""

    def __init__(self) -> None:
        self._connections: list[Any] = []
        self._pools: list[Any] = []

    def attach(self, adapter: Any) -> None:
        """Collect the connections that ``adapter`` opens from now on; it must not be used for other requests."""
        for name in ("get_connection_with_tls_context", "get_connection"):
            setattr(adapter, name, self._noting(getattr(adapter, name)))

    def _noting(self, get_pool: Any) -> Any:
        def get(*args: Any, **options: Any) -> Any:
            pool = get_pool(*args, **options)
            if not any(known is pool for known in self._pools):
                self._pools.append(pool)
                make = pool._new_conn

                def new() -> Any:
                    self._connections.append(make())
                    return self._connections[-1]

                pool._new_conn = new
            return pool

        return get

    def shut_down(self) -> None:
        """Make every wait on these connections fail immediately. Idempotent."""
        for connection in self._connections:
            line = connection.sock
            if line is not None:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
