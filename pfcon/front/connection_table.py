"""The connections of a process: how many, what they hold, and which one goes when there is no room."""

from collections.abc import Iterator

from pfcon.front.connection import Connection, State


class ConnectionTable:
    """``most`` connections may be here, which together hold ``most_bytes``."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._by_state: dict[State, dict[Connection, int]] = {
            state: {} for state in State
        }  # to bytes; the oldest first
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
        """Whether there is no place for one more."""
        return len(self._states) >= self._most

    @property
    def exceeds_bytes(self) -> bool:
        """Whether all together hold more bytes than they may."""
        return self._bytes > self._most_bytes

    def update(self, connection: Connection) -> None:
        """Note its present state and what it holds. It keeps its place among those of a state that it stays in."""
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
        """It is closed."""
        state = self._states.pop(connection, None)
        if state is not None:
            self._bytes -= self._by_state[state].pop(connection)

    def oldest_evictable(self, holding: int = 0) -> Connection | None:
        """The oldest one of the first kind that is there, which holds so many bytes; none that a thread serves."""
        for state in State:
            if state is not State.SERVED:
                for connection, held in self._by_state[state].items():
                    if held >= holding:
                        return connection
        return None

    def overdue(self, now: float) -> list[Connection]:
        """Those whose time is over."""
        return [
            connection
            for state, connections in self._by_state.items()
            if state is not State.SERVED
            for connection in connections
            if connection.deadline <= now
        ]
