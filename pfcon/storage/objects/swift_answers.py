"""What Swift's answers tell of the cluster, of objects and of large ones. Pure."""

from collections.abc import Mapping
from typing import Any

from pfcon.errors import Refused
from pfcon.storage.objects.http import extent, md5_of
from pfcon.storage.objects.store import Described, Limits, Listed, Part, Transient
from pfcon.storage.objects.swift_large_objects import etag_of

DIRECTORY = "application/directory"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"

Row = dict[str, Any]  # of a listing, as Swift gives it: name, bytes, hash, …, or subdir


def limits_of(info: Mapping[str, Any]) -> Limits:
    """What ``/info`` says, and Swift's defaults for what it does not."""
    largest = int(info.get("swift", {}).get("max_file_size", 5 * 1024**3))
    slo = info.get("slo", {} if not info else None)
    if slo is None:
        return Limits(largest, 1, largest, 0)
    smallest = int(slo.get("min_segment_size", 1))
    return Limits(largest, smallest, largest, int(slo.get("max_manifest_segments", 1000)))


def is_static(headers: Mapping[str, str]) -> bool:
    """Whether an object is a static large one."""
    return headers.get("x-static-large-object", "").lower() == "true"


def listed(row: Row) -> Listed:
    """A row of a listing.

    An empty object has no ETag: a dynamic large object, which is no empty one, is listed the same.
    """
    if "subdir" in row:
        return Listed(row["subdir"], None)
    etag = str(row.get("slo_etag", row["hash"])).strip('"')
    return Listed(row["name"], int(row["bytes"]), "" if etag == EMPTY else etag, row.get("content_type") == DIRECTORY)


def described(name: str, headers: Mapping[str, str], place: str) -> Described:
    """What an object's headers tell; of a large one, nothing of its parts."""
    length = headers.get("content-length")
    if length is None:
        raise Refused(f"{place} does not tell the size of {name!r}: it has more segments than one listing")
    etag = headers.get("etag", "").strip('"')
    large = is_static(headers) or "x-object-manifest" in headers
    _, _, size = extent(headers.get("content-range"), int(length))
    return Described(name, size, etag, md5="" if large else md5_of(etag))


def with_parts(found: Described, parts: tuple[Part, ...]) -> Described:
    """A large object with its parts. Raises Transient when they are not those of its size: it has changed."""
    if sum(part.size for part in parts) != found.size:
        raise Transient(f"{found.name!r} was replaced while it was looked at")
    known = all(part.md5 for part in parts) and etag_of(parts) == found.etag
    return Described(found.name, found.size, found.etag, parts=parts, parts_md5=found.etag if known else "")
