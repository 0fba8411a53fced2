"""The members of an upload one by one; see ``contents`` for what they are together."""

import re
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pfcon.archive import central_directory
from pfcon.archive.faults import bad_member, bad_zip, shown_name

STORED, DEFLATED = 0, 8
LOCAL_HEADER_BYTES = 30  # without name and extra field
UNNAMED = "unnamed"
NAME_MAX = 255  # bytes of one component
PATH_MAX = 3500  # bytes of a path; leaves room below Linux's 4096 for storeBase's own
DEPTH_MAX = 256  # components of a path: a level costs a directory and a step of every walk; no data set has a tenth
_MOST = (1 << 62) - 1  # bytes
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


def accepted(entries: Iterable[central_directory.Entry], notes: list[str]) -> Iterator[Member]:
    """Check each member by itself; ``end`` is 0 still. ``notes`` get what a user should know.

    Raises InvalidFields for one that is not accepted, naming it.
    """
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
            raise bad_zip(f"member {shown_name(shown)} is stored and has two different sizes")
        if max(entry.packed, entry.size, entry.offset) > _MOST:
            raise bad_zip(f"member {shown_name(shown)} declares a size or a place that no file has")
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
    if len(parts) > DEPTH_MAX:
        raise bad_member(shown, f"has a name of more than {DEPTH_MAX} parts between slashes")
    return "/".join(parts)
