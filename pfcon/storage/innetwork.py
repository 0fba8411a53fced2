"""Paths of in-network requests, the same for all storages of users' data; and the form of names for clients."""

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
    """Return the normal forms of the input paths and of the output directory. Raises Refused, InvalidFields."""
    if request.output_dir is None:
        raise InvalidFields({"output_dir": "field is required"})
    return tuple(storage_path(str(path)) for path in request.input_dirs), output_path("output_dir", request.output_dir)


def output_path(field: str, path: PurePosixPath | str) -> str:
    """Return the normal form of a path for outputs, without slashes around it. Raises InvalidFields."""
    parts = [part for part in str(path).split("/") if part not in ("", ".")]
    text = "/".join(parts)
    if not parts or ".." in parts or "\0" in text or is_own(text):
        raise InvalidFields({field: f"must be a path below the storage root, outside pfcon's own, got {str(path)!r}"})
    return text


def paths_digest(paths: tuple[tuple[str, ...], str]) -> str:
    """Return a hex digest that identifies paths in their normal forms."""
    return hashlib.sha256(json.dumps(paths).encode()).hexdigest()


def path_text(path: str) -> str:
    """Return a path of the file system (``os.fsdecode``) as UTF-8 text, with other bytes escaped as ``\\\\xe9``."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def path_texts(walk: FileWalk) -> Iterator[str]:
    """Yield the paths of a walk as such texts, then close the walk. Raises UnreadableTreeError."""
    with walk:
        for found in walk:
            yield path_text(found.path)
