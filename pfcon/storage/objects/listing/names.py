"""Names of objects as paths: which objects a directory contains, and which are left out. Pure.

The components of a name are separated by ``/``. Paths match by whole components: ``foo/a`` is the object of that name,
or the directory of all objects below ``foo/a/``, never ``foo/ab``. Names that can't all be files of one tree:

* An object whose name ends in ``/``, and one that the store marks as a directory, represents that directory, which may
  be empty. Its content, if any, is left out with a note.
* A file and a directory of the same name: the directory is staged. The file is left out, with a note unless it is
  empty: some clients make empty objects to represent directories. (Swift lists a dynamic large object as empty: if its
  segments are below its own name, they are staged instead of it.)
* A component that is empty, ``.`` or ``..``, has more than 255 bytes, a NUL, or characters without a UTF-8 form: the
  object, or the directory with all objects below it, is left out with one note. So no name leads out of the tree.

pfcon stores nothing of its own under these names: unlike in a shared file system, any other name may be an input.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from pfcon.links import Entry
from pfcon.links.budget import Notes
from pfcon.storage.objects.store import Listed

_NAME_MAX = 255  # bytes


def fault_of(component: str) -> str | None:
    """Return why a component can't be the name of a file or directory; None if it can."""
    if component in ("", ".", ".."):
        return f"{component!r} is not a valid name of a file or directory"
    if "\0" in component:
        return "a file's name can't contain NUL"
    try:
        size = len(component.encode())
    except UnicodeEncodeError:
        return "its name is not valid Unicode"
    return f"a file's name can have at most {_NAME_MAX} bytes" if size > _NAME_MAX else None


def after(directory: str) -> str:
    """Return the smallest text that sorts after all names below a directory."""
    return directory + "0"  # the character after "/"


def below(names: Sequence[Listed], directory: str) -> tuple[int, int]:
    """Return the start and the end index of the objects below a directory, in sorted objects."""
    return (
        bisect_left(names, directory + "/", key=_name),
        bisect_left(names, after(directory), key=_name),
    )


def collapsed(names: Sequence[Listed], directory: str) -> Iterator[Listed]:
    """Yield the rows that a listing of a directory with the delimiter would have, from sorted objects."""
    prefix = len(directory) + 1
    at, end = below(names, directory)
    while at < end:
        listed = names[at]
        slash = listed.name.find("/", prefix)
        if slash < 0:
            yield listed
            at += 1
        else:
            yield Listed(listed.name[: slash + 1], None)
            at = bisect_left(names, after(listed.name[:slash]), at + 1, end, key=_name)


def children(directory: str, listing: Iterable[Listed], notes: Notes) -> dict[str, Entry]:
    """Return the entries of a directory by name, from a listing with the delimiter; notes get what is left out."""
    prefix = len(directory) + 1
    found: dict[str, Entry] = {}
    for listed in listing:
        if len(listed.name) == prefix:  # it represents the directory itself
            _note_content(listed, notes)
            continue
        is_dir = listed.size is None or listed.marker
        name = listed.name[prefix:].removesuffix("/") if listed.size is None else listed.name[prefix:]
        if fault := fault_of(name):
            what = "all below" if listed.size is None else "object"
            notes.add(f"left out {what} {listed.name!r}: {fault}")
            continue
        known = found.get(name)
        if is_dir:
            if listed.marker:
                _note_content(listed, notes)
            if known is not None and not known.is_dir:
                note_clash(listed.name.removesuffix("/"), known.size, notes)
            found[name] = Entry(name, True)
        elif known is None:
            found[name] = Entry(name, False, listed.size or 0, listed.etag)
        else:
            note_clash(listed.name, listed.size or 0, notes)
    return found


def note_clash(name: str, size: int, notes: Notes) -> None:
    """Note that an object is left out because a directory has its name; nothing if the object is empty. size: bytes."""
    if size:
        notes.add(f"left out object {name!r}: a directory has the same name")


def _note_content(listed: Listed, notes: Notes) -> None:
    if listed.size:
        notes.add(f"left out the content of object {listed.name!r}: the object represents a directory")


def _name(listed: Listed) -> str:
    return listed.name
