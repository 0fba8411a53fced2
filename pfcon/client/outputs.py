"""Saves the outputs of a job: the zip is received as a file, checked as a whole, and then unpacked."""

import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from pfcon.archive.contents import read_contents
from pfcon.archive.limits import UploadLimits
from pfcon.archive.unzip import Placing, unpack
from pfcon.client.connection import Connection
from pfcon.client.errors import ClientError, ServiceAway, WrongUse
from pfcon.client.progress import Progress
from pfcon.errors import InvalidFields, StorageFull, TooLarge

ATTEMPTS = 3  # to receive a zip
_BLOCK = 1 << 20  # bytes
_NO_LIMITS = UploadLimits(upload_bytes=0, unpacked_bytes=0, files=0, ratio=0, free_bytes=0)


def prepare(target: Path) -> None:
    """Create the directory of the outputs if it is missing. Raises WrongUse if it can't be used, or is not empty."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        with os.scandir(target) as entries:
            empty = next(entries, None) is None
        if not empty:
            raise WrongUse(f"--outputs {target}: is not empty: files in it might be replaced; give another directory")
        with tempfile.TemporaryFile(dir=target):
            pass
    except OSError as fault:
        raise WrongUse(f"--outputs {target}: can't be used: {fault.strerror}") from None


def save(connection: Connection, jid: str, target: Path, progress: Progress) -> tuple[int, int]:
    """Fetch the outputs of a job into an empty directory; return the number of files and their bytes.

    Nothing is written outside ``target``, whatever the zip has. Raises ClientError; what is unpacked by then stays.
    """
    try:
        with tempfile.TemporaryFile(dir=target) as packed:
            _receive(connection, jid, packed, progress)
            return _unpack(packed, target, progress)
    except (InvalidFields, TooLarge) as fault:
        raise ClientError(f"the zip of the outputs can't be unpacked: {fault}") from fault
    except StorageFull as fault:
        raise ClientError(f"the outputs can't be saved: the disk of {target} is full") from fault
    except OSError as fault:
        raise ClientError(f"the outputs can't be saved in {target}: {fault.strerror or fault}") from fault


def _receive(connection: Connection, jid: str, packed: BinaryIO, progress: Progress) -> None:
    with progress.step("receiving outputs"):
        for attempt in range(1, ATTEMPTS + 1):
            packed.seek(0)
            packed.truncate()
            progress.restart()
            try:
                for block in connection.blocks(f"jobs/{jid}/file/", _BLOCK):
                    packed.write(block)
                    progress.add(len(block))
                packed.flush()
                return
            except ServiceAway:
                if attempt == ATTEMPTS:
                    raise


def _unpack(packed: BinaryIO, target: Path, progress: Progress) -> tuple[int, int]:
    contents = read_contents(packed.fileno(), os.fstat(packed.fileno()).st_size, _NO_LIMITS)
    placing = Placing(
        [],
        ((None if member.is_dir else member, member.path) for member in contents.members),
        contents.nfiles,
        contents.unpacked,
    )
    with progress.step("unpacking outputs", contents.unpacked):
        unpack(packed.fileno(), placing, target, lambda _: None, written=progress.add, readable=False)
    return contents.nfiles, contents.unpacked
