"""Names of objects as paths: which objects a directory holds, and what is left out. Pure.

A name is a path: its components are divided by ``/``. Paths compare by components: ``foo/a`` is the object of that
name, or a directory with all below ``foo/a/``, never ``foo/ab``. Where names can't all be files of one tree:

* An object whose name ends in ``/``, and one that the store marks as a directory, stands for that directory, which may
  be empty. Its content, if any, is left out, told in a note.
* A file and a directory of one name: the directory stays. The file is left out, told in a note unless it is empty:
  such objects are made to stand for directories. (A dynamic large object of Swift is listed as an empty one: one whose
  segments lie below its own name is left out, and they are staged.)
* A component that is empty, ``.`` or ``..``, has more than 255 bytes, a NUL, or characters that UTF-8 has not: what
  bears it is left out, a directory with all below it, told in one note. So no name leads out of the tree.

Nothing in a store is pfcon's own: unlike in a shared file system, any other name may be an input.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from pfcon.links import Entry
from pfcon.links.budget import Notes
from pfcon.storage.objects.store import Listed

_NAME_MAX = 255  # bytes


def fault_of(component: str) -> str | None:
    """Why a component can't be the name of a file or directory; None when it can."""
    if component in ("", ".", ".."):
        return f"{component!r} is no name of a file or directory"
    if "\0" in component:
        return "a name of a file holds no NUL"
    try:
        size = len(component.encode())
    except UnicodeEncodeError:
        return "its name is no Unicode text"
    return f"a name of a file has at most {_NAME_MAX} bytes" if size > _NAME_MAX else None


def after(directory: str) -> str:
    """The first text behind all names below a directory, in the order of listings."""
    return directory + "0"  # the character after "/"


def below(names: Sequence[Listed], directory: str) -> tuple[int, int]:
    """Start and end of the names below a directory, in sorted objects."""
    return (
        bisect_left(names, directory + "/", key=_name),
        bisect_left(names, after(directory), key=_name),
    )


def collapsed(names: Sequence[Listed], directory: str) -> Iterator[Listed]:
    """Of sorted objects what a listing with the delimiter would have of a directory."""
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
    """What a directory holds, of a listing with the delimiter; notes tell what is left out."""
    prefix = len(directory) + 1
    found: dict[str, Entry] = {}
    for listed in listing:
        if len(listed.name) == prefix:  # it stands for the directory itself
            _tell_content(listed, notes)
            continue
        is_dir = listed.size is None or listed.marker
        name = listed.name[prefix:].removesuffix("/") if listed.size is None else listed.name[prefix:]
        if fault := fault_of(name):
            what = "all below" if listed.size is None else "object"
            notes.add(f"left out {what} {listed.name!r}: {fault}")
            continue
        there = found.get(name)
        if is_dir:
            if listed.marker:
                _tell_content(listed, notes)
            if there is not None and not there.is_dir:
                tell_clash(listed.name.removesuffix("/"), there.size, notes)
            found[name] = Entry(name, True)
        elif there is None:
            found[name] = Entry(name, False, listed.size or 0, listed.etag)
        else:
            tell_clash(listed.name, listed.size or 0, notes)
    return found


def tell_clash(name: str, size: int, notes: Notes) -> None:
    """An object is left out because there is a directory of its name."""
    if size:
        notes.add(f"left out object {name!r}: there is a directory of that name")


def _tell_content(listed: Listed, notes: Notes) -> None:
    if listed.size:
        notes.add(f"left out the content of object {listed.name!r}: the object stands for a directory")


def _name(listed: Listed) -> str:
    return listed.name
