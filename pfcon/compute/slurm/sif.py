"""Images of Apptainer and Singularity, one file each (SIF, github.com/sylabs/sif): what pfcon needs to know of them.

A SIF file has a table of descriptors. One of them is of the root file system, a squashfs at an offset of the file; one,
from Apptainer 1 on, is of the configuration of the OCI image that it was built from.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pfcon.errors import Refused

_MAGIC, _MAGIC_AT = b"SIF_MAGIC\0", 32
_TABLE_AT = 88  # of the number of descriptors, and the offset of their table
_DESCRIPTOR = struct.Struct("<i?III7q128s384s")
_MOST = 4096  # descriptors; apptainer makes 48
_PARTITION, _JSON, _OCI = 0x4004, 0x4006, (0x4009, 0x400A)  # types of data
_OCI_CONFIG = b"oci-config.json"
_MOST_CONFIG = 4 * 1024 * 1024  # bytes
_SQUASHFS, _PRIMARY = 1, 2
_KINDS = {2: "an ext3 file system", 3: "an archive", 4: "raw data", 5: "an encrypted file system"}


@dataclass(frozen=True)
class Sif:
    """offset: of the squashfs in the file, in bytes. env, cwd: of the OCI image; None if the file has none."""

    offset: int
    env: tuple[str, ...] | None = None
    cwd: str = "/"


@dataclass(frozen=True)
class _Descriptor:
    kind: int
    offset: int
    size: int
    name: bytes
    extra: bytes


def read_sif(path: Path) -> Sif:
    """Read what a SIF file tells of itself. Raises Refused for other files and those without a squashfs; OSError."""
    with path.open("rb") as file:
        try:
            found = list(_descriptors(file))
            config = _config(file, found)
        except RecursionError:
            raise Refused(f"{path} is not a SIF file: its oci-config.json can't be read") from None
        except (ValueError, struct.error) as fault:
            raise Refused(f"{path} is not a SIF file: {fault}") from fault
    for entry in found:
        system, role = struct.unpack_from("<ii", entry.extra)
        if entry.kind == _PARTITION and role == _PRIMARY:
            if system != _SQUASHFS:
                raise Refused(f"{path} has {_KINDS.get(system, 'an unknown file system')}; pfcon needs a squashfs")
            if min(entry.offset, entry.size) < 0 or entry.offset + entry.size > path.stat().st_size:
                raise Refused(f"{path} is not complete: it is shorter than its table says")
            return _sif(path, entry.offset, config)
    if any(entry.kind in _OCI for entry in found):
        raise Refused(f"{path} is an OCI-SIF file, without a root file system; pfcon needs one that Apptainer builds")
    raise Refused(f"{path} has no root file system")


def _descriptors(file: BinaryIO) -> Iterator[_Descriptor]:
    """Yield the descriptors in use. Raises ValueError, struct.error."""
    header = file.read(128)
    if header[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] != _MAGIC:
        raise ValueError("it has no SIF header")
    total, start = struct.unpack_from("<2q", header, _TABLE_AT)
    if not 0 <= total <= _MOST or start < len(header):
        raise ValueError("its table can't be read")
    file.seek(start)
    for _ in range(total):
        kind, used, _, _, _, offset, size, _, _, _, _, _, name, extra = _DESCRIPTOR.unpack(file.read(_DESCRIPTOR.size))
        if used:
            yield _Descriptor(kind, offset, size, name.rstrip(b"\0"), extra)


def _config(file: BinaryIO, found: list[_Descriptor]) -> dict[str, Any] | None:
    """Return the configuration of the OCI image (image-spec, config.md); None if there is none. Raises ValueError."""
    for entry in found:
        if entry.kind == _JSON and entry.name == _OCI_CONFIG:
            if not 0 <= entry.size <= _MOST_CONFIG or entry.offset < 0:
                raise ValueError("its oci-config.json can't be read")
            file.seek(entry.offset)
            config = json.loads(file.read(entry.size))
            if not isinstance(config, dict):
                raise ValueError("its oci-config.json is not an object")
            return config
    return None


def _sif(path: Path, offset: int, config: dict[str, Any] | None) -> Sif:
    if config is None:
        return Sif(offset)
    env, cwd = config.get("Env") or [], config.get("WorkingDir") or "/"
    if not isinstance(env, list) or not all(isinstance(text, str) for text in [*env, cwd]):
        raise Refused(f"{path}: its oci-config.json is not that of an image")
    return Sif(offset, tuple(env), cwd)
