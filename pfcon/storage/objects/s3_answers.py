"""What S3's answers tell of objects and their parts. Pure."""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from pfcon.storage.objects.http import extent, md5_of
from pfcon.storage.objects.store import Described, Listed, Part

_IN_PARTS = re.compile(r"([0-9a-f]{32})-(\d{1,5})")
_WITHOUT_MD5 = ("aws:kms", "aws:kms:dsse")

Told = Mapping[str, Any]  # an answer of boto3's client


def content_md5(md5: str) -> str:
    """A hex MD5 as the header Content-MD5 has it (RFC 1864)."""
    return b64encode(bytes.fromhex(md5)).decode()


def plain_etag(etag: str) -> str:
    """An ETag without its quotes."""
    return etag.strip('"')


def rows(page: Told) -> list[Listed]:
    """A page of a listing; what lies below a common prefix is one row. By name, as UTF-8 sorts."""
    found = [Listed(row["Key"], int(row["Size"]), plain_etag(row.get("ETag", ""))) for row in page.get("Contents", ())]
    found += [Listed(row["Prefix"], None) for row in page.get("CommonPrefixes", ())]
    return sorted(found, key=lambda row: row.name.encode())


def described(name: str, told: Told) -> Described:
    """What HeadObject or GetObject tell; of an object in parts, nothing of these."""
    etag = plain_etag(told["ETag"])
    _, _, size = extent(told.get("ContentRange"), int(told["ContentLength"]))
    md5 = "" if is_opaque(told) else md5_of(etag)
    return Described(
        name,
        size,
        etag,
        md5=md5,
        crc32=checksum(told, "ChecksumCRC32"),
        sha1=checksum(told, "ChecksumSHA1"),
        sha256=checksum(told, "ChecksumSHA256"),
    )


def is_opaque(told: Told) -> bool:
    """Whether the ETag is no MD5, by the object's encryption (Amazon's "Object", ``ETag``)."""
    return told.get("ServerSideEncryption") in _WITHOUT_MD5 or bool(told.get("SSECustomerAlgorithm"))


def in_parts(etag: str) -> tuple[str, int]:
    """Return the MD5 of the parts' MD5s and the number of parts; ``("", 0)`` for an object without parts."""
    found = _IN_PARTS.fullmatch(etag)
    return (found[1], int(found[2])) if found else ("", 0)


def equal_parts(size: int, count: int, first: int, last: int) -> tuple[Part, ...]:
    """The parts of an object whose parts but the last are alike; ``()`` where these numbers say that they are not."""
    if count == 1:
        return (Part(size, ""),) if first == size else ()
    if first * (count - 1) + last != size:
        return ()
    return (*(Part(first, "") for _ in range(count - 1)), Part(last, ""))


def checksum(told: Told, field: str) -> str:
    """A checksum of all bytes (Amazon's HeadObject), ``""`` without one or where it is made of those of the parts."""
    value = str(told.get(field, ""))
    whole = told.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" and "-" not in value
    return value if whole else ""
