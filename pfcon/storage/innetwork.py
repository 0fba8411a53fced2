"""Paths that in-network requests name, the same for all storages of users' data; and names as clients read them."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from pfcon.errors import InvalidFields
from pfcon.files.walk import FileWalk
from pfcon.models import InputRequest
from pfcon.paths import is_own
from pfcon.storage.posix import storage_path


def request_paths(request: InputRequest) -> tuple[tuple[str, ...], str]:
    """The input paths and the output directory in their normal forms. Raises Refused and InvalidFields."""
    if request.output_dir is None:
        raise InvalidFields({"output_dir": "field is required"})
    return tuple(storage_path(str(path)) for path in request.input_dirs), output_path("output_dir", request.output_dir)


def output_path(field: str, path: PurePosixPath | str) -> str:
    """The normal form of a path for outputs; slashes around it are dropped. Raises InvalidFields."""
    parts = [part for part in str(path).split("/") if part not in ("", ".")]
    text = "/".join(parts)
    if not parts or ".." in parts or "\0" in text or is_own(text):
        raise InvalidFields({field: f"must be a path below the storage root, outside pfcon's own, got {str(path)!r}"})
    return text


def paths_digest(paths: tuple[tuple[str, ...], str]) -> str:
    """Identifies normal forms, hex."""
    return hashlib.sha256(json.dumps(paths).encode()).hexdigest()


def path_text(path: str) -> str:
    """A path of the file system (``os.fsdecode``) as JSON, zips and stores take it: other bytes as ``\\\\xe9``."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def path_texts(walk: FileWalk) -> Iterator[str]:
    """The paths of a walk as such texts; closes it. Raises UnreadableTreeError."""
    with walk:
        for found in walk:
            yield path_text(found.path)
