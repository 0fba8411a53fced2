"""A member's path: from its name, its maker and its extra fields (APPNOTE 6.3.10: 4.4.2, 4.4.17, 4.6.9, appendix D).

* ``/`` separates components. In a name from Windows without any ``/``, ``\\`` does, as for unzip and bsdtar.
* A name is UTF-8 if a flag says so, or if it is valid UTF-8: macOS, and zip in the C locale, set no flag. Any other
  name is code page 437.
* Info-ZIP's Unicode path is the name, if its CRC-32 shows that it was made for the name in the record.
* A drive or a leading ``/`` makes a name absolute; only names from Windows have drives.
"""

import re
import struct
import zlib

from pfcon.archive.central_directory import Entry, extra_field
from pfcon.archive.faults import bad_member, shown_name

UNNAMED = "unnamed"
NAME_MAX = 255  # bytes of one component
PATH_MAX = 3500  # bytes of a path; below Linux's 4096, so that the path of storeBase fits before it
DEPTH_MAX = 256  # components of a path: each costs a directory and a step of every walk; data sets have far fewer
WINDOWS = frozenset({0, 6, 10, 11, 14})  # FAT, HPFS, NTFS (APPNOTE's number and Info-ZIP's), VFAT
_UTF8 = 0x800
_UNICODE_PATH, _UNICODE_PATH_BYTES = 0x7075, b"\x75\x70"
_UNICODE_HEAD = struct.Struct("<BL")  # version, CRC-32 of the name in the record
_DRIVE = re.compile(r"[A-Za-z]:/")
_AGAIN = "pack it again with `zip -r` or 7-Zip"


class NameNotes:
    """Notes for the user about names: one line for each kind of note, with the number of names and the first one."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._firsts: dict[str, str] = {}

    def add(self, what: str, name: str) -> None:
        """Add a name to a kind of note."""
        self._counts[what] = self._counts.get(what, 0) + 1
        self._firsts.setdefault(what, shown_name(name))

    def lines(self) -> tuple[str, ...]:
        """Return one line for each kind."""
        return tuple(
            f"{what}: {self._firsts[what]}" + (f" and {count - 1} more" if count > 1 else "")
            for what, count in self._counts.items()
        )


def path_of(entry: Entry, notes: NameNotes) -> tuple[str, bool]:
    """Return a member's relative path without ``.`` and doubled slashes, and whether it has the name of a directory.

    The path is empty for the top directory. Raises InvalidFields for a name that is not accepted.
    """
    name = _name(entry, notes)
    if not name:  # CUBE uses it for an input that is a single file
        notes.add("a file without a name was staged as", UNNAMED)
        return UNNAMED, False
    if entry.maker in WINDOWS:
        if "\\" in name:
            name = _with_slashes(name)
        if _DRIVE.match(name):
            raise _absolute(name)
    return _normal(name), name.endswith("/")


def _name(entry: Entry, notes: NameNotes) -> str:
    raw, marked = entry.name, bool(entry.flags & _UTF8)
    if _UNICODE_PATH_BYTES in entry.extra and (unicode := _unicode_path(entry)):
        if marked and unicode != raw:
            shown = raw.decode("utf-8", "backslashreplace")
            other = shown_name(unicode.decode("utf-8", "backslashreplace"))
            raise bad_member(shown, f"has another name, {other}, in its extra field; {_AGAIN}")
        raw, marked = unicode, True
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        if marked:
            shown = raw.decode("utf-8", "backslashreplace")
            raise bad_member(shown, f"has a name that is marked as UTF-8 but is not valid UTF-8; {_AGAIN}") from None
        name = raw.decode("cp437")
        notes.add("names that are not marked as UTF-8 were read as code page 437", name)
        return name
    if not marked and entry.maker in WINDOWS and not name.isascii():
        notes.add("names that are not marked as UTF-8 were read as UTF-8", name)
    return name


def _unicode_path(entry: Entry) -> bytes | None:
    """Return the name in Info-ZIP's extra field; None if it is missing, or was made for another name in the record."""
    found = extra_field(entry.extra, _UNICODE_PATH)
    if found is None or len(found) < _UNICODE_HEAD.size:
        return None
    version, crc = _UNICODE_HEAD.unpack_from(found)
    return found[_UNICODE_HEAD.size :] if version == 1 and crc == zlib.crc32(entry.name) else None


def _with_slashes(name: str) -> str:
    if "/" in name:
        raise bad_member(name, f"has both '/' and '\\' in its name, and either may separate folders; {_AGAIN}")
    return name.replace("\\", "/")


def _absolute(name: str) -> Exception:
    return bad_member(name, f"has an absolute name; {_AGAIN}, which make it relative")


def _normal(name: str) -> str:
    most = len(name) if name.isascii() else 4 * len(name)
    if most <= NAME_MAX and not (
        name[0] in "./" or "//" in name or "/." in name or "\0" in name
    ):  # the case of nearly all names
        return name.removesuffix("/")
    if "\0" in name:
        raise bad_member(name, f"has a NUL in its name; {_AGAIN}")
    if name.startswith("/"):
        raise _absolute(name)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise bad_member(name, "has '..' in its name; pack it from within the folder that contains it")
    if most > NAME_MAX and any(len(part.encode()) > NAME_MAX for part in parts):
        raise bad_member(name, f"has a name of more than {NAME_MAX} bytes between slashes; shorten it")
    if most > PATH_MAX and len("/".join(parts).encode()) > PATH_MAX:
        raise bad_member(name, f"has a name of more than {PATH_MAX} bytes; shorten its path")
    if len(parts) > DEPTH_MAX:
        raise bad_member(name, f"has a name of more than {DEPTH_MAX} parts between slashes; use fewer nested folders")
    return "/".join(parts)
