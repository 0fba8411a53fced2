"""Parses S3's responses: listings, headers of objects, parts. Pure."""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pfcon.storage.objects.http import extent, md5_of
from pfcon.storage.objects.store import Described, Listed, Part

PART_SIZE = "pfcon-part-size"  # metadata of an object that pfcon has sent in parts
_IN_PARTS = re.compile(r"([0-9a-f]{32})-(\d{1,5})")
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LARGE_OF_SWIFT = {"x-object-meta-static-large-object", "x-object-manifest"}
_WITHOUT_MD5 = ("aws:kms", "aws:kms:dsse")

Response = Mapping[str, Any]  # of a method of boto3's client


def content_md5(md5: str) -> str:
    """Return a hex MD5 in the form of the header Content-MD5 (RFC 1864)."""
    return b64encode(bytes.fromhex(md5)).decode()


def plain_etag(etag: str) -> str:
    """Return an ETag without its quotes."""
    return etag.strip('"')


def rows(page: Response) -> list[Listed]:
    """Return the objects and the common prefixes of a page of ListObjectsV2, sorted by the UTF-8 of their names."""
    found = [Listed(row["Key"], int(row["Size"]), plain_etag(row.get("ETag", ""))) for row in page.get("Contents", ())]
    found += [Listed(row["Prefix"], None) for row in page.get("CommonPrefixes", ())]
    return sorted(found, key=lambda row: row.name.encode())


def xml_text(prefix: str) -> str:
    """Return the beginning of a prefix, up to the first character that XML 1.0 can't have.

    radosgw repeats the prefix in its response as it is: a listing with a prefix of such characters is a 500 there.
    """
    return _NOT_XML.split(prefix, maxsplit=1)[0]


def below(prefix: str, pages: Iterable[list[Listed]], *, delimited: bool) -> Iterator[list[Listed]]:
    """Yield the pages of a listing with that prefix, from those of a shorter prefix without the delimiter."""
    group = ""
    for page in pages:
        found: list[Listed] = []
        for row in page:
            name, slash, _ = row.name[len(prefix) :].partition("/")
            if not row.name.startswith(prefix) or (slash and f"{prefix}{name}/" == group):
                continue
            if delimited and slash:
                group = f"{prefix}{name}/"
                found.append(Listed(group, None))
            else:
                found.append(row)
        yield found


def described(name: str, response: Response) -> Described:
    """Return an object from a response of HeadObject or GetObject, without parts."""
    etag = plain_etag(response["ETag"])
    _, _, size = extent(response.get("ContentRange"), int(response["ContentLength"]))
    md5 = "" if is_opaque(response) else md5_of(etag)
    return Described(
        name,
        size,
        etag,
        md5=md5,
        crc32=checksum(response, "ChecksumCRC32"),
        sha1=checksum(response, "ChecksumSHA1"),
        sha256=checksum(response, "ChecksumSHA256"),
    )


def is_opaque(response: Response) -> bool:
    """Return whether the object has an ETag that is not an MD5.

    Because of its encryption (Amazon's "Object", ``ETag``); or it is a large object that was made with Swift's API:
    radosgw's headers tell.
    """
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return (
        response.get("ServerSideEncryption") in _WITHOUT_MD5
        or bool(response.get("SSECustomerAlgorithm"))
        or not _LARGE_OF_SWIFT.isdisjoint(headers)
    )


def parse_multipart_etag(etag: str) -> tuple[str, int]:
    """Return the MD5 of the parts' MD5s and the number of parts; ``("", 0)`` for an object without parts."""
    found = _IN_PARTS.fullmatch(etag)
    return (found[1], int(found[2])) if found else ("", 0)


def equal_parts(size: int, count: int, first: int, last: int) -> tuple[Part, ...]:
    """Return the parts of an object whose parts, except the last, have one size; ``()`` if the sizes don't add up.

    size: of the object. count: number of parts. first, last: sizes of the first and the last part. All sizes in bytes.
    """
    if count == 1:
        return (Part(size, ""),) if first == size else ()
    if first * (count - 1) + last != size:
        return ()
    return (*(Part(first, "") for _ in range(count - 1)), Part(last, ""))


def told_parts(size: int, count: int, response: Response) -> tuple[Part, ...]:
    """Return the parts of an object by the metadata that pfcon gives it, in bytes; ``()`` if they don't fit.

    For services that don't report the parts: radosgw up to Ceph 18 ignores PartNumber.
    """
    value = response.get("Metadata", {}).get(PART_SIZE, "")
    first = int(value) if re.fullmatch(r"\d{1,12}", value) else 0
    last = size - first * (count - 1)
    return equal_parts(size, count, first if count > 1 else last, last) if 0 < last <= first else ()


def checksum(response: Response, field: str) -> str:
    """Return a checksum of all bytes (Amazon's HeadObject); ``""`` if missing, or made of the parts' checksums."""
    value = str(response.get(field, ""))
    whole = response.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" and "-" not in value
    return value if whole else ""
