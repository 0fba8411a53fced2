"""ChRIS links: which files a job's inputs consist of, and the path at which each is staged. No I/O of its own.

A file ``NAME.chrislink`` contains one path P relative to the storage root, the link's target. In the staged tree it is
replaced with a directory beside it that contains the files of P; its name is P with ``_`` for ``/``. If P is a file,
the directory is named after P's parent and contains that file. (A file at the storage root has no parent: it is staged
beside the link.) Links below P are expanded in the same way.

Rules for paths that clash or can't be followed:

* Paths are compared by components. ``.`` and doubled slashes are removed.
* A target that is absolute, empty (so the storage root can't be one), contains ``..`` or NUL, or is the job's output
  directory or above it: Refused, ``Invalid input path: P``.
* A link file that is larger than 4 KiB or not UTF-8, or a target that does not exist: left out, with a note.
* A target that is on the chain of directories and links that is being walked, from the root of the inputs: left out,
  with a note. A directory *above* an input root is not on that chain and is expanded.
* Directories with the same staged path are merged. Of two different files with the same staged path, or a file and a
  directory, the first one is staged, and the other is left out with a note; a directory counts even if all of its
  content is left out. The order: the roots as given; in a directory, the real entries by name, then the targets of its
  links, by the links' names. The same file found twice is staged once, without a note.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from pfcon.errors import Refused, refused
from pfcon.links.budget import Notes
from pfcon.reasons import Reason, explain

LINK_MAX_BYTES = 4096


class Entry(NamedTuple):
    """A regular file or a directory. Of files, if known: ``size`` in bytes, ``etag``, which identifies a version."""

    name: str
    is_dir: bool
    size: int = 0
    etag: str = ""


class Lister(Protocol):
    """Read access to a storage. Paths are relative, normal and ``/``-separated; ``""`` is the storage root.

    Whatever is neither a regular file nor a directory, such as a symbolic link, counts as missing.
    """

    def entry(self, path: str) -> Entry | None:
        """Return the file or directory of a path; None if it does not exist."""

    def children(self, path: str) -> Iterable[Entry]:
        """Yield the entries of a directory, in any order."""

    def link_text(self, path: str) -> bytes:
        """Return the first LINK_MAX_BYTES + 1 bytes of a file."""


class StagedItem(NamedTuple):
    """A file or empty directory to stage. ``source`` is relative to the storage root, ``path`` to the staged root."""

    source: str
    path: str
    size: int
    is_dir: bool
    etag: str = ""


class Chain(NamedTuple):
    """A directory or link that is being walked, and the chain of those that led to it."""

    path: str
    above: "Chain | None"

    def holds(self, path: str) -> bool:
        """Return whether a path is on the chain."""
        link: Chain | None = self
        while link is not None and link.path != path:
            link = link.above
        return link is not None


class Part(NamedTuple):
    """One source of a staged directory: a directory, or (``entry``) a single file. ``real``: no link led to it."""

    source: str
    chain: Chain | None
    entry: Entry | None = None
    real: bool = False


def input_path(text: str) -> str:
    """Return a path relative to the storage root in its normal form. Raises Refused for one that could leave it."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or not parts or ".." in parts or "\0" in text:
        raise Refused(f"Invalid input path: {text}")
    return "/".join(parts)


def refused_link(link: str, target: str, why: str) -> Refused:
    """Return the error for a link file that must not be followed. CUBE's users know ``Invalid input path``."""
    return refused(explain(Reason.LINK_REFUSED, path=target or "''", link=repr(link), cause=why))


def is_at_or_below(path: str, above: str) -> bool:
    """Return whether ``path`` is ``above`` or below it, by components; every path is below ``""``."""
    return not above or path == above or path.startswith(above + "/")


def read_target(lister: Lister, path: str, notes: Notes) -> str | None:
    """Return the target of a link file; None, with a note, if the link is not valid. Raises Refused: see above."""
    raw = lister.link_text(path)
    if len(raw) > LINK_MAX_BYTES:
        notes.add(f"left out {path!r}: a link file must have at most {LINK_MAX_BYTES} bytes")
        return None
    try:
        target = raw.decode().strip()
        return input_path(target)
    except Refused:
        raise refused_link(path, target, "leads out of the storage") from None
    except UnicodeDecodeError:
        notes.add(f"left out {path!r}: a link file must be UTF-8 text")
        return None
