"""The names and sizes of a job's output files, wherever the storage has them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pfcon.errors import Absent
from pfcon.files.walk import FileWalk
from pfcon.jobs.context import JobContext
from pfcon.models import JobId
from pfcon.records import Record
from pfcon.storage.innetwork import path_text

MOST = 1000  # files of a list
ENTRIES = 10_000  # files, directories and links that are looked at for it


@dataclass(frozen=True)
class OutputFile:
    """A file of a job's outputs. path: relative to their directory. size: in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class OutputFiles:
    """The output files of a job, by their paths. more: whether there are, or may be, others than these.

    path: of their directory among users' files, "" if they are in the job's own. as_zip: whether
    they can be had as one.
    """

    files: tuple[OutputFile, ...]
    more: bool
    path: str
    as_zip: bool


def output_files(context: JobContext, jid: JobId, record: Record | None) -> OutputFiles:
    """Return the output files that there are now, at most MOST of them: a job that runs may still write.

    record: of the plugin job. Raises Absent, UnreadableTreeError, OSError.
    """
    directory = record.spec.outputs if record and record.spec else None
    if directory is None:
        raise Absent(f"there are no outputs of a job {jid}")
    with FileWalk(context.storebase.root.resolve(), str(directory), most=ENTRIES) as walk:
        found = list(islice(_files(walk), MOST + 1))
        more = len(found) > MOST or walk.was_cut
    in_place = context.storage.in_storebase
    return OutputFiles(
        tuple(sorted(found[:MOST], key=lambda file: file.path)),
        more=more,
        path=str(directory) if in_place else "",
        as_zip=not in_place,
    )


def _files(walk: FileWalk) -> Iterator[OutputFile]:
    for found in walk:
        try:
            size = os.stat(found.name, dir_fd=found.dir_fd, follow_symlinks=False).st_size
        except FileNotFoundError:  # the job has removed it
            continue
        yield OutputFile(path_text(found.path), size)
