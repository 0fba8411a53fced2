"""Checks the members of an upload one by one; ``contents`` checks them as a whole."""

import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pfcon.archive.central_directory import Entry
from pfcon.archive.faults import bad_member, bad_zip, shown_name
from pfcon.archive.member_names import WINDOWS, NameNotes, path_of
from pfcon.archive.methods import READ, STORED, unread

LOCAL_HEADER_BYTES = 30  # without name and extra field
_MOST = (1 << 62) - 1  # bytes
_ENCRYPTED = 0x2041  # flags: a password, strong encryption, a masked directory
_DOS_DIRECTORY = 0x10  # in attributes from Windows


class Member(NamedTuple):
    """A checked member. path: relative and normal. end: offset in the zip before which its header and data end."""

    path: str
    is_dir: bool
    method: int
    crc: int
    packed: int  # bytes
    size: int  # bytes
    offset: int
    end: int


def accepted(entries: Iterable[Entry], notes: NameNotes) -> Iterator[Member]:
    """Check each member by itself; ``end`` is still 0. Adds notes for the user to ``notes``.

    Raises InvalidFields for a member that is not accepted, with its name and a solution.
    """
    for entry in entries:
        path, is_dir = path_of(entry, notes)
        if entry.maker in WINDOWS:  # their upper half is not a mode
            is_dir = is_dir or bool(entry.attributes & _DOS_DIRECTORY)
        elif kind := stat.S_IFMT(entry.attributes >> 16):
            is_dir = is_dir or kind == stat.S_IFDIR
            if kind not in (stat.S_IFREG, stat.S_IFDIR):
                raise bad_member(
                    path,
                    "is neither a regular file nor a directory; leave it out, or pack the target of a link, as"
                    " `zip -r` without -y does",
                )
        if is_dir and entry.size:
            raise bad_member(path, "is a directory with content; pack it again with `zip -r` or 7-Zip")
        if entry.flags & _ENCRYPTED:
            raise bad_member(path, "is encrypted; unpack the zip with 7-Zip and pack it again without a password")
        if entry.method not in READ and not is_dir:
            raise bad_member(path, unread(entry.method))
        if entry.method == STORED and entry.packed != entry.size:
            raise bad_zip(f"member {shown_name(path)} is stored and has two different sizes")
        if max(entry.packed, entry.size, entry.offset) > _MOST:
            raise bad_zip(f"member {shown_name(path)} declares an impossible size or offset")
        if path:  # "./" is the top directory itself
            yield Member(path, is_dir, entry.method, entry.crc, entry.packed, entry.size, entry.offset, 0)
        elif not is_dir:
            raise bad_member(entry.name.decode("utf-8", "backslashreplace"), "has no name; rename it")
