"""Members with the same path, in bounded memory.

A directory that is listed twice, or a file that is listed twice with the same size and CRC-32, is accepted: zip
programs that append to a zip write such entries.
"""

from collections.abc import Iterable, Iterator

from pfcon.archive.faults import bad_member
from pfcon.archive.members import Member
from pfcon.compact import KeyFlags


class Doubles:
    """The paths that several members have; the first member of each counts."""

    def __init__(self) -> None:
        self._again = KeyFlags()

    def add(self, path: str) -> None:
        """Record that another member has the path."""
        self._again.add(path, 1)

    def __bool__(self) -> bool:
        return self._again.count > 0

    def left_out(self, members: Iterable[Member]) -> Iterable[Member]:
        """Yield the members, except those whose path an earlier member has."""
        return self._firsts(members) if self else members

    def _firsts(self, members: Iterable[Member]) -> Iterator[Member]:
        seen = KeyFlags()
        for member in members:
            if not (self._again.of(member.path) and seen.add(member.path, 1)):
                yield member

    def check(self, members: Iterable[Member]) -> None:
        """Raise InvalidFields for a file that differs from the first one with its path."""
        firsts = KeyFlags()
        for member in members:
            path, facts = member.path, (member.path, member.size, member.crc)
            if not self._again.of(path):
                continue
            if not firsts.add(path, 1):
                firsts.add(facts, 1)
            elif not firsts.of(facts):
                raise bad_member(
                    path,
                    "occurs twice with different contents; pack the folder into a new zip",
                )
