"""Checks the contents of an upload as a whole, before anything is written, with bounded memory for each member.

The central directory of a million members takes a hundred megabytes, and objects for them several times that. So it is
read as a stream, and again for unpacking. In between, memory has a hash of each path and, if the members are not in
order, the offset of each: some 30 bytes. The members themselves are kept in memory only if they are few.
"""

import hashlib
import heapq
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from pfcon.archive import central_directory
from pfcon.archive.doubles import Doubles
from pfcon.archive.faults import above, above_bytes, bad_member, bad_zip, shown_name
from pfcon.archive.limits import UploadLimits
from pfcon.archive.member_names import NameNotes
from pfcon.archive.members import LOCAL_HEADER_BYTES, Member, accepted
from pfcon.compact import KeyFlags
from pfcon.models import LINK_SUFFIX

RATIO_FROM = 256 << 20  # unpacked bytes; below this, masks of one value legitimately shrink to a thousandth
LARGE = 1 << 20  # bytes, packed or unpacked; larger members are large
_BLOCK = 4096  # bytes; the block size of most file systems
_KEPT, _KEPT_CHARACTERS = 16_384, 2 << 20  # largest number of members in memory, and of characters of their paths
_FIRST = 1024  # large members that can be unpacked first
_DIRECTORY, _PARENT, _FILE = 1, 2, 4  # marks of a path: a member that is one, a directory above members, a file
_SORTED_AT_ONCE = 1 << 16
_SUMS = 1 << 256


class Contents:
    """Checked members. For one thread at a time, while the upload is open.

    nfiles: without directories. unpacked: the sum of the declared sizes, in bytes; on_disk: the same, rounded up to
    blocks. digest: hex, of names, sizes and CRCs; independent of order, times and compression. links: whether a member
    is a ChRIS link. large: the files above LARGE that can be unpacked first, the largest first.
    """

    def __init__(
        self, fd: int, directory: central_directory.Directory, notes: tuple[str, ...], census: "_Census"
    ) -> None:
        self._fd, self._directory, self.notes = fd, directory, notes
        self.nfiles, self.unpacked, self.on_disk = census.nfiles, census.unpacked, census.on_disk
        self.count, self.links, self.digest = census.paths.count, census.links, census.digest
        self._doubles = census.doubles
        self._offsets = None if census.ordered else _sorted(census.offsets)
        self._kept: tuple[Member, ...] | None = None
        if census.kept is not None:
            self._kept = tuple(self._bounded(sorted(census.kept, key=lambda member: member.offset)))
        elif self._offsets is not None:
            for _ in self.members:  # each is checked against the one that follows it
                pass
        ends = self._offsets or census.offsets
        large = sorted(census.large, reverse=True)
        self.large = tuple(member._replace(end=_end(ends, member, directory.start)) for _, _, member in large)

    @property
    def members(self) -> Iterable[Member]:
        """Return all members; if they are many, they are read from the upload again each time."""
        if self._kept is not None:
            return self._kept
        members = self._doubles.left_out(_all(self._fd, self._directory))
        return self._bounded(members) if self._offsets is None else self._looked_up(members, self._offsets)

    def _bounded(self, members: Iterable[Member]) -> Iterator[Member]:
        """Set each member's ``end`` to the start of the next. Raises InvalidFields if members overlap, as in bombs."""
        held: Member | None = None
        for member in members:
            if held is not None:
                yield _bounded(held, member.offset)
            held = member
        if held is not None:
            yield _bounded(held, self._directory.start)

    def _looked_up(self, members: Iterable[Member], offsets: "array[int]") -> Iterator[Member]:
        return (_bounded(member, _end(offsets, member, self._directory.start)) for member in members)


def read_contents(fd: int, file_size: int, limits: UploadLimits) -> Contents:
    """Read and check all members of a zip of ``file_size`` bytes.

    Raises InvalidFields, which names the member, for malformed or unacceptable members; TooLarge above a limit.
    """
    if limits.upload_bytes and file_size > limits.upload_bytes:
        raise above_bytes("the zip has", file_size, limits.upload_bytes, "PFCON_MAX_UPLOAD_BYTES")
    directory = central_directory.find_directory(fd, file_size)
    if limits.files and directory.members > limits.files:
        raise above("the number of the zip's members is", directory.members, limits.files, "PFCON_MAX_FILES")
    notes = NameNotes()
    census = _Census(limits.files)
    for member in accepted(central_directory.entries(fd, directory), notes):
        census.add(member)
    census.check_sums(file_size, directory.start, limits)
    if census.doubles:
        census.doubles.check(_all(fd, directory))
    return Contents(fd, directory, notes.lines(), census)


def _all(fd: int, directory: central_directory.Directory) -> Iterator[Member]:
    """Yield the members again; all were accepted before."""
    return accepted(central_directory.entries(fd, directory), NameNotes())


class _Census:
    """Counts and checks all members. Of several with one path, the first counts; no file may be a directory of others.

    most: largest number of files and directories, including directories that have no member; 0 means no limit.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.paths = KeyFlags()
        self.doubles = Doubles()
        self.offsets = array("Q")
        self.kept: list[Member] | None = []
        self.large: list[tuple[int, int, Member]] = []
        self.nfiles = self.unpacked = self.on_disk = 0
        self.ordered = True
        self.links = False
        self._characters = self._sum = 0
        self._above = ""  # of the last member
        self._after = self._last = -1  # the earliest end of the last member's data, and its start
        self._overlapping = self._last_path = ""

    @property
    def digest(self) -> str:
        return f"{self._sum % _SUMS:064x}"

    def add(self, member: Member) -> None:
        """Count a member. Raises InvalidFields, TooLarge."""
        if not self._claim(member):
            self.doubles.add(member.path)
            return
        path, is_dir, _, crc, packed, size, offset, _ = member
        text = f"{path}{'/' if is_dir else ''}\0{size}\0{crc}"
        self._sum += int.from_bytes(hashlib.sha256(text.encode()).digest())
        self.offsets.append(offset)
        if offset <= self._last:
            self.ordered = False
        elif offset < self._after:
            self._overlapping = self._overlapping or self._last_path
        self._last, self._after, self._last_path = offset, offset + LOCAL_HEADER_BYTES + packed, path
        if (kept := self.kept) is not None:
            kept.append(member)
            self._characters += len(path)
            if len(kept) > _KEPT or self._characters > _KEPT_CHARACTERS:
                self.kept = None
        if not is_dir:
            self.nfiles += 1
            self.unpacked += size
            self.on_disk += -(-size // _BLOCK) * _BLOCK
            self.links = self.links or path.endswith(LINK_SUFFIX)
            if size > LARGE or packed > LARGE:
                (heapq.heappush if len(self.large) < _FIRST else heapq.heappushpop)(
                    self.large, (size, len(self.offsets), member)
                )

    def _claim(self, member: Member) -> bool:
        """Record the path; return whether no member before had it."""
        path, paths = member.path, self.paths
        mark = _DIRECTORY if member.is_dir else _FILE
        before = paths.add(path, mark)
        if before & mark:
            return False
        if before and (before & _FILE or not member.is_dir):
            raise _both(path)
        above_it = path.rpartition("/")[0]
        if above_it != self._above:
            self._above = above_it
            while above_it:
                before = paths.add(above_it, _PARENT)
                if before & _FILE:
                    raise _both(above_it)
                if before & _PARENT:
                    break
                above_it = above_it.rpartition("/")[0]
        if self._most and paths.count > self._most:
            count = "the number of the zip's files and directories is at least"
            raise above(f"at {shown_name(path)} {count}", paths.count, self._most, "PFCON_MAX_FILES")
        return True

    def check_sums(self, file_size: int, directory_start: int, limits: UploadLimits) -> None:
        """Check the sums. Raises TooLarge; InvalidFields for members that overlap although they are in order."""
        check_unpacked(self.unpacked, file_size, limits)
        self.on_disk += (self.paths.count - self.nfiles) * _BLOCK
        if self._after > directory_start:
            self._overlapping = self._overlapping or self._last_path
        if self.ordered and self._overlapping:
            raise _overlaps(self._overlapping)


def _both(path: str) -> Exception:
    return bad_member(path, "is a file and a directory; rename one of them")


def check_unpacked(unpacked: int, file_size: int, limits: UploadLimits, what: str = "unpacked, the zip") -> None:
    """Raise TooLarge if ``unpacked`` bytes are above the limit, or too many for a zip of that size."""
    if limits.unpacked_bytes and unpacked > limits.unpacked_bytes:
        raise above_bytes(f"{what} has", unpacked, limits.unpacked_bytes, "PFCON_MAX_UNPACKED_BYTES")
    if limits.ratio and unpacked > RATIO_FROM and unpacked > limits.ratio * file_size:
        ratio = -(-unpacked // file_size)
        raise above(f"{what} has a compression ratio of", ratio, limits.ratio, "PFCON_MAX_RATIO")


def _sorted(offsets: "array[int]") -> "array[int]":
    """Sort in parts: numbers in a list take five times as much memory as in an array."""
    step = _SORTED_AT_ONCE
    parts = [array("Q", sorted(offsets[start : start + step])) for start in range(0, len(offsets), step)]
    return array("Q", heapq.merge(*parts))


def _end(offsets: "array[int]", member: Member, directory_start: int) -> int:
    """Return the start of the next member: the same offset if two members share it."""
    after = bisect_right(offsets, member.offset)
    if after > 1 and offsets[after - 2] == member.offset:
        return member.offset
    return offsets[after] if after < len(offsets) else directory_start


def _bounded(member: Member, end: int) -> Member:
    if member.offset + LOCAL_HEADER_BYTES + member.packed > end:
        raise _overlaps(member.path)
    return Member._make((*member[:-1], end))  # ``end`` is the last; _replace takes three times as long


def _overlaps(path: str) -> Exception:
    return bad_zip(f"member {shown_name(path)} overlaps with what follows it")
