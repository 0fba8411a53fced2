"""The connections of a process: how many, what they hold, and which one goes when there is no room."""

from collections.abc import Iterator

from pfcon.front.connection import Connection, State


class Room:
    """``most`` connections may be here, which together hold ``most_bytes``."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._here: dict[State, dict[Connection, int]] = {state: {} for state in State}  # to bytes; the oldest first
        self._where: dict[Connection, State] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, connection: object) -> bool:
        return connection in self._where

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._where))

    @property
    def is_full(self) -> bool:
        """Whether there is no place for one more."""
        return len(self._where) >= self._most

    @property
    def holds_too_much(self) -> bool:
        """Whether all together hold more bytes than they may."""
        return self._bytes > self._most_bytes

    def update(self, connection: Connection) -> None:
        """Note its present state and what it holds. It keeps its place among those of a state that it stays in."""
        before = self._where.get(connection)
        if before is not None:
            held = self._here[before]
            self._bytes -= held[connection]
            if before is not connection.state:
                del held[connection]
        self._where[connection] = connection.state
        self._here[connection.state][connection] = connection.held
        self._bytes += connection.held

    def remove(self, connection: Connection) -> None:
        """It is closed."""
        state = self._where.pop(connection, None)
        if state is not None:
            self._bytes -= self._here[state].pop(connection)

    def dispensable(self, holding: int = 0) -> Connection | None:
        """The oldest one of the first kind that is there, which holds so many bytes; none that a thread serves."""
        for state in State:
            if state is not State.SERVED:
                for connection, held in self._here[state].items():
                    if held >= holding:
                        return connection
        return None

    def overdue(self, now: float) -> list[Connection]:
        """Those whose time is over."""
        return [
            connection
            for state, connections in self._here.items()
            if state is not State.SERVED
            for connection in connections
            if connection.deadline <= now
        ]
