"""A note that pfcon leaves in a job's container when it ends the job, or can't begin it.

Labels can't be changed once a container exists, and an exit code does not tell who sent the signal; Podman does not
even remember why a container could not be started. A small file in the container's own file system does: it lasts as
long as the container, and every worker, also after a restart, reads it. A job that writes such a file itself only
changes what is reported of its own failure.
"""

import io
import tarfile
from typing import TYPE_CHECKING

from pfcon.compute.log import clean_log
from pfcon.compute.words import plain
from pfcon.errors import Absent

if TYPE_CHECKING:
    from pfcon.compute.docker.client import DockerCalls

_FILE = ".pfcon-note"
_MAX_ARCHIVE = 64 * 1024


def leave(calls: "DockerCalls", container: str, text: str) -> None:
    """Put a note into a container, running or not. Raises what DockerCalls raises."""
    raw = text.encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo(_FILE)
        member.size = len(raw)
        tar.addfile(member, io.BytesIO(raw))
    calls.put_archive(container, archive.getvalue())


def read(calls: "DockerCalls", container: str) -> str | None:
    """The note in a container, None if it has none, or it can't be read, as when a mount's source is missing.

    Raises Unreachable. Asks for the file's status first: that is ten times as cheap as its archive.
    """
    try:
        with calls.ask("HEAD", "containers", container, "archive", path=f"/{_FILE}") as answer:
            answer.read()
        with calls.ask("GET", "containers", container, "archive", path=f"/{_FILE}") as answer:
            raw = answer.read(_MAX_ARCHIVE)
    except Absent:
        return None
    return _text(raw)


def _text(raw: bytes) -> str | None:
    try:
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            file = tar.extractfile(_FILE)
            return plain(clean_log(file.read())) if file else None
    except (tarfile.TarError, KeyError):
        return None
