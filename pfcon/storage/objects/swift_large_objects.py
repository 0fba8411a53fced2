"""Large objects of Swift: how their parts are called, and what their manifests say. Pure.

Swift's documentation, "Large Object Support": a static large object (SLO) is a JSON list of its segments, a dynamic one
(DLO) a prefix of their names. pfcon writes static ones, in the container CONTAINER_segments, under names that no two
versions of an object share.
"""

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pfcon.storage.objects.http import md5_of
from pfcon.storage.objects.store import Part

SUFFIX = "_segments"
_MARK = ".pieces"
_PART = re.compile(r"([0-9a-f]{32})/(\d{8})")
_LONGEST = 900  # bytes of an object's name that its parts repeat, so that theirs stay below Swift's limit of 1024


class StoredPart(NamedTuple):
    """A part of ours: the try that has sent it, and its number."""

    upload: str
    number: int


class ManifestEntry(NamedTuple):
    """An entry of a manifest: where its bytes are, and how many. ``nested``: it is a manifest itself."""

    container: str
    name: str
    part: Part
    nested: bool


def segments_container(container: str) -> str:
    """Where the parts of a container's large objects are."""
    return container + SUFFIX


def parts_prefix(name: str) -> str:
    """What the names of an object's parts begin with, and no other object's."""
    encoded = name.encode()
    if len(encoded) > _LONGEST:
        digest = hashlib.sha256(encoded).hexdigest()[:32]
        name = f"{encoded[:_LONGEST].decode(errors='ignore')}.{digest}"
    return f"{name}/{_MARK}/"


def part_name(name: str, part: StoredPart) -> str:
    """The name of a part of the object ``name``."""
    return f"{parts_prefix(name)}{part.upload}/{part.number:08d}"


def stored_part(name: str, segment: str) -> StoredPart | None:
    """The part of the object ``name`` that a segment is; None for a segment of something else."""
    prefix = parts_prefix(name)
    found = _PART.fullmatch(segment.removeprefix(prefix)) if segment.startswith(prefix) else None
    return StoredPart(found[1], int(found[2])) if found else None


def manifest(container: str, names: Sequence[str], parts: Sequence[Part]) -> bytes:
    """The manifest of an object whose parts are in ``container``."""
    rows = zip(names, parts, strict=True)
    return json.dumps(
        [{"path": f"/{container}/{name}", "size_bytes": part.size, "etag": part.md5} for name, part in rows]
    ).encode()


def etag_of(parts: Sequence[Part]) -> str:
    """What Swift makes of the parts' MD5s for a large object's ETag."""
    return hashlib.md5("".join(part.md5 for part in parts).encode(), usedforsecurity=False).hexdigest()


def manifest_entries(entries: Sequence[dict[str, Any]]) -> Iterator[ManifestEntry]:
    """What a manifest, as Swift gives it back, consists of.

    A part of a segment has no MD5 of its own; data in the manifest itself has no place.
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
