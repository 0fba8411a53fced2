"""Multipart uploads to S3, which the service keeps until they are completed or aborted."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import unquote_plus

from pfcon.storage.objects.http import md5_of
from pfcon.storage.objects.s3.bucket import Bucket
from pfcon.storage.objects.s3.faults import NoUpload
from pfcon.storage.objects.s3.responses import PART_SIZE, content_md5, plain_etag
from pfcon.storage.objects.source import SourceReader, source_md5
from pfcon.storage.objects.store import LargeUpload, ObjectAbsent, Part, Source


@dataclass(frozen=True)
class _Begun:
    """An upload under way: its id, and the parts that were stored before, by number from 0.

    ``sent``: MD5 and ETag of the parts sent since. ``others``: ids of other unfinished uploads of the same name.
    """

    upload: str
    uploaded_parts: dict[int, Part] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    sent: dict[int, tuple[str, str]] = field(default_factory=dict)

    def etag(self, number: int, md5: str) -> str:
        """Return the ETag of the part with that MD5: the MD5 itself, except in buckets that encrypt with KMS keys."""
        sent_md5, etag = self.sent.get(number, ("", ""))
        return etag if sent_md5 == md5 else md5


class S3LargeUpload(LargeUpload):
    """See LargeUpload. Of unfinished uploads of that name, the one with the most parts is resumed.

    One with parts that the object will not have, of a longer file, is not: radosgw completes an upload only with all
    its parts (400 InvalidPart).
    """

    def __init__(self, bucket: Bucket, name: str, part_size: int, count: int) -> None:
        self._bucket = bucket
        self._name = name
        self._part_size, self._count = part_size, count
        self._lock = Lock()
        self._begun: _Begun | None = None

    def uploaded_parts(self) -> dict[int, Part]:
        """See LargeUpload."""
        return dict(self._begin().uploaded_parts)

    def send(self, number: int, source: Source) -> str:
        """See LargeUpload. The MD5 is sent before the bytes, so that they are read twice."""
        begun = self._begin()
        md5 = source_md5(source)
        response = self._bucket.call(
            "upload_part",
            self._name,
            UploadId=begun.upload,
            PartNumber=number + 1,
            Body=SourceReader(source) if source.size else b"",
            ContentLength=source.size,
            ContentMD5=content_md5(md5),
        )
        begun.sent[number] = md5, plain_etag(response["ETag"])
        return md5

    def finish(self, parts: list[Part]) -> None:
        """See LargeUpload."""
        begun = self._begin()
        etags = [begun.etag(number, part.md5) for number, part in enumerate(parts)]
        rows = [{"PartNumber": number, "ETag": f'"{etag}"'} for number, etag in enumerate(etags, start=1)]
        try:
            self._bucket.call(
                "complete_multipart_upload", self._name, UploadId=begun.upload, MultipartUpload={"Parts": rows}
            )
        except NoUpload:
            if not self._is_finished(etags):  # by an earlier request whose response was lost
                raise
        for other in begun.others:
            self._abort(other)

    def abandon(self) -> None:
        """See LargeUpload."""
        begun = self._begin()
        for upload in (begun.upload, *begun.others):
            self._abort(upload)

    def _begin(self) -> _Begun:
        with self._lock:
            if self._begun is None:
                attempts = self._unfinished()
                usable = [upload for upload, parts in attempts.items() if max(parts, default=0) < self._count]
                upload = max(usable, key=lambda each: len(attempts[each])) if usable else self._create()
                others = tuple(other for other in attempts if other != upload)
                self._begun = _Begun(upload, attempts.get(upload, {}), others)
            return self._begun

    def _create(self) -> str:
        metadata = {PART_SIZE: str(self._part_size)}
        return str(self._bucket.call("create_multipart_upload", self._name, Metadata=metadata)["UploadId"])

    def _unfinished(self) -> dict[str, dict[int, Part]]:
        """Return the parts of all unfinished uploads of this name, by their ids and their numbers from 0."""
        attempts: dict[str, dict[int, Part]] = {}
        for upload in self._uploads():
            with suppress(NoUpload):
                attempts[upload] = dict(self._stored_parts(upload))
        return attempts

    def _uploads(self) -> Iterator[str]:
        """Yield the ids of unfinished uploads of this name; S3 lists those of all names that begin with it."""
        arguments = {"Prefix": self._name, "EncodingType": "url"}
        while True:
            page = self._bucket.call("list_multipart_uploads", **arguments)
            yield from (row["UploadId"] for row in page.get("Uploads", ()) if unquote_plus(row["Key"]) == self._name)
            if not page.get("IsTruncated"):
                return
            arguments["KeyMarker"] = unquote_plus(page["NextKeyMarker"])
            arguments["UploadIdMarker"] = page["NextUploadIdMarker"]

    def _stored_parts(self, upload: str) -> Iterator[tuple[int, Part]]:
        arguments: dict[str, str | int] = {"UploadId": upload}
        while True:
            page = self._bucket.call("list_parts", self._name, **arguments)
            for row in page.get("Parts", ()):
                yield row["PartNumber"] - 1, Part(int(row["Size"]), md5_of(plain_etag(row["ETag"])))
            if not page.get("IsTruncated"):
                return
            arguments["PartNumberMarker"] = page["NextPartNumberMarker"]

    def _is_finished(self, etags: list[str]) -> bool:
        """Return whether the object exists and consists of these parts."""
        if not all(map(md5_of, etags)):
            return False
        whole = hashlib.md5(b"".join(map(bytes.fromhex, etags)), usedforsecurity=False).hexdigest()
        try:
            response = self._bucket.call("head_object", self._name)
        except ObjectAbsent:
            return False
        return plain_etag(response["ETag"]) == f"{whole}-{len(etags)}"

    def _abort(self, upload: str) -> None:
        with suppress(NoUpload):
            self._bucket.call("abort_multipart_upload", self._name, UploadId=upload)
