"""S3 as an ObjectStore: Amazon's service, and every compatible one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pfcon.errors import Refused
from pfcon.storage.objects.http import Timeouts, extent, quiet_request_logs, range_header
from pfcon.storage.objects.s3.bucket import Bucket
from pfcon.storage.objects.s3.description import S3Settings
from pfcon.storage.objects.s3.responses import (
    below,
    content_md5,
    described,
    equal_parts,
    is_opaque,
    parse_multipart_etag,
    rows,
    told_parts,
    xml_text,
)
from pfcon.storage.objects.s3.upload import S3LargeUpload
from pfcon.storage.objects.source import SourceReader
from pfcon.storage.objects.store import (
    Changed,
    Described,
    Download,
    Limits,
    Listed,
    ObjectStore,
    Part,
    Source,
    Transient,
)

# Amazon's "S3 User Guide", "Multipart upload limits"; other services keep to them.
MIB = 1024**2
LIMITS = Limits(single_max=5 * 1024 * MIB, part_min=5 * MIB, part_max=5 * 1024 * MIB, parts_max=10_000)
FIRST_REGION = "us-east-1"  # the only one that CreateBucket takes as its default and refuses by name
MOST_ASKED = 1000  # parts of unlike sizes: each takes a request


class S3Store(ObjectStore):
    """Uses boto3."""

    name = "s3"

    def __init__(self, settings: S3Settings, timeouts: Timeouts = Timeouts()) -> None:  # noqa: B008 - immutable
        quiet_request_logs("boto3", "botocore", "s3transfer", "urllib3")
        self._bucket = Bucket(settings, timeouts)
        self.place = self._bucket.place

    def check(self) -> None:
        """See ObjectStore."""
        self._bucket.check()

    def limits(self) -> Limits:
        """See ObjectStore."""
        return LIMITS

    def create_container(self) -> None:
        """See ObjectStore."""
        try:
            self._bucket.check()
        except Refused:
            region = self._bucket.region
            where = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != FIRST_REGION else {}
            self._bucket.call("create_bucket", **where)

    def pages(self, prefix: str, *, delimited: bool = False, limit: int = 0) -> Iterator[list[Listed]]:
        """See ObjectStore."""
        arguments: dict[str, str | int] = {"Prefix": prefix}
        if delimited:
            arguments["Delimiter"] = "/"
        if limit:
            arguments["MaxKeys"] = limit
        while True:
            try:
                page = self._bucket.call("list_objects_v2", **arguments)
            except Transient:
                if (shorter := xml_text(prefix)) == prefix:
                    raise
                yield from below(prefix, self.pages(shorter, limit=limit), delimited=delimited)
                return
            yield rows(page)
            if not page.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]

    def describe(self, name: str) -> Described:
        """See ObjectStore."""
        response = self._bucket.call("head_object", name, ChecksumMode="ENABLED")
        found = described(name, response)
        parts_md5, count = parse_multipart_etag(found.etag)
        if not count:
            return found
        try:
            parts = self._parts(found, count) or told_parts(found.size, count, response)
        except Changed:
            raise Transient(f"{name!r} was replaced while it was read") from None
        known = parts and not is_opaque(response)
        return replace(found, parts=parts, parts_md5=parts_md5 if known else "", binary=True)

    @contextmanager
    def download(self, name: str, *, start: int = 0, size: int | None = None, etag: str = "") -> Iterator[Download]:
        """See ObjectStore."""
        conditions = {"IfMatch": f'"{etag}"'} if etag else {}
        if bounds := range_header(start, size):
            conditions["Range"] = bounds
        response = self._bucket.call("get_object", name, **conditions)
        try:
            first, length, _ = extent(response.get("ContentRange"), int(response["ContentLength"]))
            if first != start:
                raise Refused(f"{self.place} can't return a range of {name!r}")
            yield Download(described(name, response), self._bucket.chunks(response["Body"], length))
        finally:
            response["Body"].close()

    def put(self, name: str, source: Source, md5: str) -> None:
        """See ObjectStore."""
        contents = SourceReader(source) if source.size else b""
        self._bucket.call("put_object", name, Body=contents, ContentLength=source.size, ContentMD5=content_md5(md5))

    def large_upload(self, name: str, part_size: int, count: int) -> S3LargeUpload:
        """See ObjectStore."""
        return S3LargeUpload(self._bucket, name, part_size, count)

    def delete(self, name: str) -> None:
        """See ObjectStore."""
        self._bucket.call("delete_object", name)

    def _parts(self, found: Described, count: int) -> tuple[Part, ...]:
        """Return the parts with their sizes; ``()`` if the service doesn't report them, or there are too many.

        Two requests if all parts but the last have one size, else one for each part.
        """
        first, last = self._part_size(found, 1), self._part_size(found, count)
        parts = equal_parts(found.size, count, first, last)
        if parts or count > MOST_ASKED or not first:
            return parts
        parts = tuple(Part(self._part_size(found, number), "") for number in range(1, count + 1))
        return parts if sum(part.size for part in parts) == found.size else ()

    def _part_size(self, found: Described, number: int) -> int:
        """Return the bytes of one part of this version; 0 if the service doesn't report them."""
        try:
            response = self._bucket.call("head_object", found.name, PartNumber=number, IfMatch=f'"{found.etag}"')
        except Refused:  # the service has no PartNumber, or refuses it
            return 0
        _, length, _ = extent(response.get("ContentRange"), int(response["ContentLength"]))
        return length if "PartsCount" in response or response.get("ContentRange") else 0
