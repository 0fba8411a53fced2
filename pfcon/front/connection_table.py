"""The open connections of a process: their number, their memory, and which one to close at a limit."""

from collections.abc import Iterator

from pfcon.front.connection import Connection, State


class ConnectionTable:
    """Connections by state, oldest first. most: how many there may be. most_bytes: what they may buffer together."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._by_state: dict[State, dict[Connection, int]] = {state: {} for state in State}  # to bytes; oldest first
        self._states: dict[Connection, State] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, connection: object) -> bool:
        return connection in self._states

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._states))

    @property
    def is_full(self) -> bool:
        """Whether the number of connections is at its limit."""
        return len(self._states) >= self._most

    @property
    def exceeds_bytes(self) -> bool:
        """Whether all connections together buffer more bytes than allowed."""
        return self._bytes > self._most_bytes

    def update(self, connection: Connection) -> None:
        """Add a connection, or record its new state and bytes. In an unchanged state it keeps its age."""
        before = self._states.get(connection)
        if before is not None:
            held = self._by_state[before]
            self._bytes -= held[connection]
            if before is not connection.state:
                del held[connection]
        self._states[connection] = connection.state
        self._by_state[connection.state][connection] = connection.held
        self._bytes += connection.held

    def remove(self, connection: Connection) -> None:
        """Remove a connection. A missing one is no error."""
        state = self._states.pop(connection, None)
        if state is not None:
            self._bytes -= self._by_state[state].pop(connection)

    def oldest_evictable(self, holding: int = 0) -> Connection | None:
        """Return the oldest connection of the lowest State that buffers at least ``holding`` bytes, or None.

        A connection that a thread serves is never returned.
        """
        for state in State:
            if state is not State.SERVED:
                for connection, held in self._by_state[state].items():
                    if held >= holding:
                        return connection
        return None

    def overdue(self, now: float) -> list[Connection]:
        """Return the connections whose deadline has passed and that no thread serves. now: time.monotonic()."""
        return [
            connection
            for state, connections in self._by_state.items()
            if state is not State.SERVED
            for connection in connections
            if connection.deadline <= now
        ]
