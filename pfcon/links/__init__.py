"""ChRIS links: which files a job's inputs stand for, and where each is staged. No I/O of its own.

A file ``NAME.chrislink`` holds one path P relative to the storage root. In the staged tree it is replaced with a
directory beside it, named P with ``/`` as ``_``, that holds the files of P; where P is a file, the directory is
named after P's parent and holds that file (a file at the storage root has no parent: it is staged beside the
link). Links below P are expanded in the same way.

Rules where paths meet or can't be followed:

* Paths are compared by components. ``.`` and doubled slashes are dropped.
* A target that is absolute, empty (so the storage root can't be one), holds ``..`` or NUL, or is the job's output
  directory or above it: Refused, ``Invalid input path: P``.
* A link file that is larger than 4 KiB or no UTF-8, and a target that does not exist: left out, told in a note.
* A target that is on the chain of directories and links now being walked, from the root of the inputs: left out,
  told in a note. A directory *above* an input root is not on that chain and is expanded.
* Directories that get the same staged path merge. Where two different files do, or a file and a directory, the
  first one stays and a note tells it; a directory stays also where all that it holds is left out. First are the
  roots in their order; in a directory the real entries by name, then what its links bring, by the links' names.
  The same file twice is staged once, silently.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from pfcon.errors import Refused
from pfcon.links.budget import Notes

LINK_MAX_BYTES = 4096


class Entry(NamedTuple):
    """A regular file or a directory. ``size`` in bytes and ``etag``, which names a version, of files where known."""

    name: str
    is_dir: bool
    size: int = 0
    etag: str = ""


class Lister(Protocol):
    """A storage, read-only. Paths are relative, normal and ``/``-separated; ``""`` is the storage root.

    What is neither a regular file nor a directory, symbolic links among them, does not exist.
    """

    def entry(self, path: str) -> Entry | None:
        """What is at a path; None when nothing is."""

    def children(self, path: str) -> Iterable[Entry]:
        """What a directory holds, in any order."""

    def link_text(self, path: str) -> bytes:
        """The first LINK_MAX_BYTES + 1 bytes of a file."""


class StagedItem(NamedTuple):
    """A file to be staged, or an empty directory. ``source`` and ``path`` are relative to storage and staged root."""

    source: str
    path: str
    size: int
    is_dir: bool
    etag: str = ""


class Chain(NamedTuple):
    """A directory or link that is being walked, and what led there."""

    path: str
    above: "Chain | None"

    def holds(self, path: str) -> bool:
        """Whether a path is on the chain."""
        link: Chain | None = self
        while link is not None and link.path != path:
            link = link.above
        return link is not None


class Part(NamedTuple):
    """One source of a staged directory: a directory, or (``entry``) a single file. ``real``: no link led there."""

    source: str
    chain: Chain | None
    entry: Entry | None = None
    real: bool = False


def input_path(text: str) -> str:
    """A path relative to the storage root in its normal form. Raises Refused for one that could lead out of it."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or not parts or ".." in parts or "\0" in text:
        raise Refused(f"Invalid input path: {text}")
    return "/".join(parts)


def is_at_or_below(path: str, above: str) -> bool:
    """Compare by components; everything is below ``""``."""
    return not above or path == above or path.startswith(above + "/")


def read_target(lister: Lister, path: str, notes: Notes) -> str | None:
    """The target of a link file; None, with a note, for a file that is no link. Raises Refused (see above)."""
    raw = lister.link_text(path)
    if len(raw) > LINK_MAX_BYTES:
        notes.add(f"left out {path!r}: a link has at most {LINK_MAX_BYTES} bytes")
        return None
    try:
        return input_path(raw.decode().strip())
    except UnicodeDecodeError:
        notes.add(f"left out {path!r}: a link is UTF-8 text")
        return None
