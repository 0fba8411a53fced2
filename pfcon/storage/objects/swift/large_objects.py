"""Large objects of Swift: the names of their parts, and their manifests. Pure.

Swift's documentation, "Large Object Support": a static large object (SLO) is a JSON list of its segments, a dynamic one
(DLO) a prefix of their names. pfcon writes static ones, in the container CONTAINER_segments, under names that no two
versions of an object share.
"""

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pfcon.storage.objects.http import md5_of
from pfcon.storage.objects.store import Part

SUFFIX = "_segments"
CLIENT_SEGMENTS = "/slo/"  # after an object's name: segments of python-swiftclient, which has the same SUFFIX
_MARK = ".pieces"
_PART = re.compile(r"([0-9a-f]{32})/(\d{8})")
_LONGEST = 900  # bytes of an object's name that its parts repeat, so that theirs stay below Swift's limit of 1024


class StoredPart(NamedTuple):
    """A part that pfcon has stored: the id of the upload attempt, and the part's number from 0."""

    upload: str
    number: int


class ManifestEntry(NamedTuple):
    """An entry of a manifest: the object with the bytes, ``""`` for inline data. ``nested``: itself a manifest."""

    container: str
    name: str
    part: Part
    nested: bool


def segments_container(container: str) -> str:
    """Return the name of the container for the parts of a container's large objects."""
    return container + SUFFIX


def parts_prefix(name: str) -> str:
    """Return the prefix of the names of an object's parts; no two objects share one. Raises UnicodeEncodeError."""
    encoded = name.encode()
    if len(encoded) > _LONGEST:
        digest = hashlib.sha256(encoded).hexdigest()[:32]
        name = f"{encoded[:_LONGEST].decode(errors='ignore')}.{digest}"
    return f"{name}/{_MARK}/"


def part_name(name: str, part: StoredPart) -> str:
    """Return the name under which a part of the object ``name`` is stored."""
    return f"{parts_prefix(name)}{part.upload}/{part.number:08d}"


def stored_part(name: str, segment: str) -> StoredPart | None:
    """Parse the name of a stored part of the object ``name``; None if it is not one. The inverse of ``part_name``."""
    prefix = parts_prefix(name)
    found = _PART.fullmatch(segment.removeprefix(prefix)) if segment.startswith(prefix) else None
    return StoredPart(found[1], int(found[2])) if found else None


def manifest(container: str, names: Sequence[str], parts: Sequence[Part]) -> bytes:
    """Return the JSON manifest of an object whose parts are ``names`` in ``container``."""
    rows = zip(names, parts, strict=True)
    return json.dumps(
        [{"path": f"/{container}/{name}", "size_bytes": part.size, "etag": part.md5} for name, part in rows]
    ).encode()


def etag_of(parts: Sequence[Part]) -> str:
    """Return the ETag that Swift computes for a large object: the hex MD5 of the parts' hex MD5s."""
    return hashlib.md5("".join(part.md5 for part in parts).encode(), usedforsecurity=False).hexdigest()


def manifest_entries(entries: Sequence[dict[str, Any]]) -> Iterator[ManifestEntry]:
    """Yield the entries of a manifest as Swift returns it (``multipart-manifest=get``).

    The MD5 of a range of a segment is unknown; inline data has no container and no name.
    """
    for entry in entries:
        if "data" in entry:
            data = b64decode(entry["data"])
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            yield ManifestEntry("", "", Part(len(data), md5), nested=False)
            continue
        container, _, name = entry["name"].lstrip("/").partition("/")
        bounds = entry.get("range")
        if bounds:
            first, _, last = bounds.partition("-")
            yield ManifestEntry(container, name, Part(int(last) - int(first) + 1, ""), nested=False)
        elif entry.get("sub_slo"):
            yield ManifestEntry(container, name, Part(int(entry["bytes"]), ""), nested=True)
        else:
            yield ManifestEntry(container, name, Part(int(entry["bytes"]), md5_of(entry["hash"])), nested=False)


def attempts_of(stored: Mapping[StoredPart, Part]) -> dict[str, dict[int, Part]]:
    """Return the stored parts of an object by the id of their upload attempt, then by their number from 0."""
    attempts: dict[str, dict[int, Part]] = {}
    for which, part in stored.items():
        attempts.setdefault(which.upload, {})[which.number] = part
    return attempts


def attempts_by_directory(segments: Iterable[tuple[str, Part]]) -> dict[str, dict[int, Part]]:
    """Return segments, which are sorted by name, by the directories in their names, then by their places in these."""
    attempts: dict[str, dict[int, Part]] = {}
    for name, part in segments:
        parts = attempts.setdefault(name.rpartition("/")[0], {})
        parts[len(parts)] = part
    return attempts


def attempts_with(etag: str, size: int, attempts: Mapping[str, Mapping[int, Part]]) -> dict[str, tuple[Part, ...]]:
    """Return the attempts whose first parts are a large object of that ETag and size (bytes), and these parts.

    It tells what an object consists of where the store returns no manifest.
    """
    found = {}
    for upload, parts in attempts.items():
        digest, left = hashlib.md5(usedforsecurity=False), size
        for number in range(len(parts)):
            part = parts.get(number)
            if part is None or part.size > left:
                break
            digest.update(part.md5.encode())
            left -= part.size
            if not left and digest.hexdigest() == etag:
                found[upload] = tuple(parts[each] for each in range(number + 1))
                break
    return found
