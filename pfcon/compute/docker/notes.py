"""A note that pfcon writes to a job's container when it ends the job, or can't start it.

Labels of a container can't be changed, and an exit code does not show who sent the signal; Podman does not even keep
the reason why a container could not be started. A small file in the container's own file system exists as long as the
container, and every worker can read it, also after a restart. A job that writes such a file itself only changes the
message about its own failure.
"""

import io
import tarfile
from typing import TYPE_CHECKING

from pfcon.compute.log import clean_log
from pfcon.compute.words import plain
from pfcon.errors import Absent
from pfcon.reasons import SUCCESS, Why

if TYPE_CHECKING:
    from pfcon.compute.docker.client import DockerCalls

_FILE = ".pfcon-note"
_MAX_ARCHIVE = 64 * 1024


def leave(calls: "DockerCalls", container: str, why: Why) -> None:
    """Write a note to a container, running or not. Raises what DockerCalls raises."""
    raw = why.note().encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo(_FILE)
        member.size = len(raw)
        tar.addfile(member, io.BytesIO(raw))
    calls.put_archive(container, archive.getvalue())


def read(calls: "DockerCalls", container: str) -> Why:
    """Return the note in a container; empty if missing or unreadable, for example because a mount's source is missing.

    Raises Unreachable. Requests the file's status first, which costs a tenth of its archive.
    """
    try:
        with calls.ask("HEAD", "containers", container, "archive", path=f"/{_FILE}") as answer:
            answer.read()
        with calls.ask("GET", "containers", container, "archive", path=f"/{_FILE}") as answer:
            raw = answer.read(_MAX_ARCHIVE)
    except Absent:
        return SUCCESS
    return Why.of_note(_text(raw))


def _text(raw: bytes) -> str:
    try:
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            file = tar.extractfile(_FILE)
            return plain(clean_log(file.read())) if file else ""
    except (tarfile.TarError, KeyError):
        return ""
