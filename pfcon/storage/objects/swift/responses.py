"""Parses Swift's responses: capabilities, listings, headers of objects. Pure."""

from collections.abc import Mapping
from typing import Any

from pfcon.errors import Refused
from pfcon.storage.objects.http import extent, md5_of
from pfcon.storage.objects.store import Described, Limits, Listed, Part, Transient
from pfcon.storage.objects.swift.large_objects import etag_of

DIRECTORY = "application/directory"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"

Row = dict[str, Any]  # of a listing, as Swift gives it: name, bytes, hash, …, or subdir


def limits_of(info: Mapping[str, Any]) -> Limits:
    """Return the limits of ``/info``, and Swift's defaults for what it does not contain."""
    largest = int(info.get("swift", {}).get("max_file_size", 5 * 1024**3))
    slo = info.get("slo", {} if not info else None)
    if slo is None:
        return Limits(largest, 1, largest, 0)
    smallest = int(slo.get("min_segment_size", 1))
    return Limits(largest, smallest, largest, int(slo.get("max_manifest_segments", 1000)))


def is_static(headers: Mapping[str, str]) -> bool:
    """Return whether the headers are those of a static large object."""
    return headers.get("x-static-large-object", "").lower() == "true"


def shows_manifest(row: Row) -> bool:
    """Return whether a row of a listing has the size of a large object's manifest, instead of the object's.

    radosgw lists static large objects so, with the ETag of an empty object.
    """
    return row.get("hash") == EMPTY and int(row["bytes"]) > 0 and "slo_etag" not in row


def listed(row: Row) -> Listed:
    """Return a row of a listing.

    Without an ETag if the row has that of an empty object: Swift lists dynamic large objects like that, too.
    """
    if "subdir" in row:
        return Listed(row["subdir"], None)
    etag = str(row.get("slo_etag", row["hash"])).strip('"')
    return Listed(row["name"], int(row["bytes"]), "" if etag == EMPTY else etag, row.get("content_type") == DIRECTORY)


def described(name: str, headers: Mapping[str, str], place: str) -> Described:
    """Return an object from its response headers, without parts. Raises Refused if they don't contain its size."""
    length = headers.get("content-length")
    if length is None:
        raise Refused(f"{place} does not report the size of {name!r}: it has more segments than one listing can show")
    etag = headers.get("etag", "").strip('"')
    large = is_static(headers) or "x-object-manifest" in headers
    _, _, size = extent(headers.get("content-range"), int(length))
    return Described(name, size, etag, md5="" if large else md5_of(etag))


def with_parts(found: Described, parts: tuple[Part, ...]) -> Described:
    """Return the large object with its parts. Raises Transient if their sizes don't add up: it was replaced."""
    if sum(part.size for part in parts) != found.size:
        raise Transient(f"{found.name!r} was replaced while it was read")
    known = all(part.md5 for part in parts) and etag_of(parts) == found.etag
    return Described(found.name, found.size, found.etag, parts=parts, parts_md5=found.etag if known else "")
