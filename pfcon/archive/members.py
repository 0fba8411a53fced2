"""The members of an upload, each checked before anything is written."""

import hashlib
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from pfcon.archive import central_directory
from pfcon.archive.faults import above, above_bytes, bad_member, bad_zip
from pfcon.settings.model import UploadLimits

STORED, DEFLATED = 0, 8
LOCAL_HEADER_BYTES = 30  # without name and extra field
UNNAMED = "unnamed"
NAME_MAX = 255  # bytes of one component
PATH_MAX = 3500  # bytes of a path; leaves room below Linux's 4096 for storeBase's own
RATIO_FROM = 256 << 20  # unpacked bytes; below, masks of one value legitimately shrink a thousandfold
_DRIVE = re.compile(r"[A-Za-z]:")


class Member(NamedTuple):
    """A checked member. ``path`` is relative and normal; ``end`` bounds its header and data in the zip file."""

    path: str
    is_dir: bool
    method: int
    crc: int
    packed: int  # bytes
    size: int  # bytes
    offset: int
    end: int


@dataclass(frozen=True)
class Contents:
    """What an upload holds. ``unpacked`` is the sum of the declared sizes, in bytes."""

    members: tuple[Member, ...]
    unpacked: int
    notes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Hex SHA-256 of names, sizes and CRCs: blind to order, times and compression."""
        found = hashlib.sha256()
        for path, is_dir, _, crc, _, size, _, _ in sorted(self.members):
            found.update(f"{path}{'/' if is_dir else ''}\0{size}\0{crc}\0".encode())
        return found.hexdigest()


def read_contents(fd: int, file_size: int, limits: UploadLimits) -> Contents:
    """Read and check all members of a zip of ``file_size`` bytes.

    Raises InvalidFields for what is malformed or not accepted, naming the member, and TooLarge above a limit.
    """
    if limits.upload_bytes and file_size > limits.upload_bytes:
        raise above_bytes("the zip has", file_size, limits.upload_bytes, "PFCON_MAX_UPLOAD_BYTES")
    directory = central_directory.find_directory(fd, file_size)
    notes: list[str] = []
    _limit_files(directory.members, limits)
    found = list(_limited(_checked(central_directory.entries(fd, directory), notes), file_size, limits))
    _refuse_clashes(found)
    members = tuple(_bounded(found, directory.start))
    return Contents(members, sum(member.size for member in members), tuple(notes))


def _limit_files(count: int, limits: UploadLimits) -> None:
    if limits.files and count > limits.files:
        raise above("the number of the zip's members is", count, limits.files, "PFCON_MAX_FILES")


def _limited(members: Iterable[Member], file_size: int, limits: UploadLimits) -> Iterator[Member]:
    count = unpacked = 0
    for member in members:
        count, unpacked = count + 1, unpacked + member.size
        _limit_files(count, limits)
        yield member
    if limits.unpacked_bytes and unpacked > limits.unpacked_bytes:
        raise above_bytes("unpacked, the zip has", unpacked, limits.unpacked_bytes, "PFCON_MAX_UNPACKED_BYTES")
    if limits.ratio and unpacked > RATIO_FROM and unpacked > limits.ratio * file_size:
        ratio = -(-unpacked // file_size)
        raise above("the zip's compression ratio is", ratio, limits.ratio, "PFCON_MAX_RATIO")


def _checked(entries: Iterable[central_directory.Entry], notes: list[str]) -> Iterator[Member]:
    for entry in entries:
        shown = entry.name.decode("utf-8", "backslashreplace")
        if not entry.name:  # CUBE names an input that is a single file so
            notes.append(f"a file without a name was staged as {UNNAMED!r}")
        path = normal_path(entry.name) if entry.name else UNNAMED
        kind = stat.S_IFMT(entry.mode)
        is_dir = entry.name.endswith(b"/") or kind == stat.S_IFDIR
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise bad_member(shown, "is neither a regular file nor a directory")
        if is_dir and entry.size:
            raise bad_member(shown, "is a directory with content")
        if entry.encrypted:
            raise bad_member(shown, "is encrypted")
        if entry.method not in (STORED, DEFLATED) and not is_dir:
            raise bad_member(shown, f"is packed with method {entry.method}; stored and deflated (8) are accepted")
        if entry.method == STORED and entry.packed != entry.size:
            raise bad_zip(f"member {shown!r} is stored and has two different sizes")
        if path:  # "./" is the top directory itself
            yield Member(path, is_dir, entry.method, entry.crc, entry.packed, entry.size, entry.offset, 0)
        elif not is_dir:
            raise bad_member(shown, "has no name")


def normal_path(raw: bytes) -> str:
    """A member's name without ``.`` and doubled slashes. Raises InvalidFields for one that is not accepted."""
    shown = raw.decode("utf-8", "backslashreplace")
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise bad_member(shown, "has a name that is not UTF-8") from None
    if "\0" in name:
        raise bad_member(shown, "has a NUL in its name")
    if name.startswith("/") or _DRIVE.match(name):
        raise bad_member(shown, "has an absolute name")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise bad_member(shown, "has '..' in its name")
    if len(raw) > NAME_MAX and any(len(part.encode()) > NAME_MAX for part in parts):
        raise bad_member(shown, f"has a name of more than {NAME_MAX} bytes between slashes")
    if len(raw) > PATH_MAX and len("/".join(parts).encode()) > PATH_MAX:
        raise bad_member(shown, f"has a name of more than {PATH_MAX} bytes")
    return "/".join(parts)


def _refuse_clashes(members: list[Member]) -> None:
    """No two members may claim one path, nor a file be another member's directory."""
    seen: set[str] = set()
    parents: set[str] = set()
    for member in members:
        if member.path in seen:
            raise bad_member(member.path, "is there twice")
        seen.add(member.path)
        parent = member.path.rpartition("/")[0]
        while parent and parent not in parents:
            parents.add(parent)
            parent = parent.rpartition("/")[0]
    for member in members:
        if not member.is_dir and member.path in parents:
            raise bad_member(member.path, "is a file and a directory")


def _bounded(members: list[Member], directory_start: int) -> Iterator[Member]:
    """Give each member its ``end``: where the next begins. Members that share data, as zip bombs do, are refused."""
    members.sort(key=attrgetter("offset"))
    ends = [member.offset for member in members[1:]] + [directory_start]
    for member, end in zip(members, ends, strict=bool(members)):
        if member.offset + LOCAL_HEADER_BYTES + member.packed > end:
            raise bad_zip(f"member {member.path!r} overlaps with what follows it")
        yield member._replace(end=end)
