"""A large object on its way to S3: a multipart upload, which the service keeps until it is completed or aborted."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import unquote_plus

from pfcon.storage.objects.http import md5_of
from pfcon.storage.objects.s3_answers import content_md5, plain_etag
from pfcon.storage.objects.s3_bucket import Bucket
from pfcon.storage.objects.s3_faults import NoUpload
from pfcon.storage.objects.source import SourceReader, source_md5
from pfcon.storage.objects.store import LargeUpload, ObjectAbsent, Part, Source


@dataclass(frozen=True)
class _Begun:
    """An upload under way: its id, and the parts that were found, by number from 0 on.

    ``sent``: the MD5s and the ETags of the parts that we have sent. ``others``: ids of what earlier tries have left.
    """

    upload: str
    uploaded_parts: dict[int, Part] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    sent: dict[int, tuple[str, str]] = field(default_factory=dict)

    def etag(self, number: int, md5: str) -> str:
        """The ETag of the part of that MD5: the MD5 itself, except in buckets that encrypt with keys of KMS."""
        sent_md5, etag = self.sent.get(number, ("", ""))
        return etag if sent_md5 == md5 else md5


class S3LargeUpload(LargeUpload):
    """An upload of that name that was left half-done is gone on with: the one that has most parts."""

    def __init__(self, bucket: Bucket, name: str) -> None:
        self._bucket = bucket
        self._name = name
        self._lock = Lock()
        self._begun: _Begun | None = None

    def uploaded_parts(self) -> dict[int, Part]:
        """See LargeUpload."""
        return dict(self._begin().uploaded_parts)

    def send(self, number: int, source: Source) -> str:
        """See LargeUpload. S3 wants the MD5 before the bytes: they are read twice."""
        begun = self._begin()
        md5 = source_md5(source)
        told = self._bucket.call(
            "upload_part",
            self._name,
            UploadId=begun.upload,
            PartNumber=number + 1,
            Body=SourceReader(source) if source.size else b"",
            ContentLength=source.size,
            ContentMD5=content_md5(md5),
        )
        begun.sent[number] = md5, plain_etag(told["ETag"])
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
            if not self._is_finished(etags):  # by a request whose answer was lost
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
                self._begun = self._left() or _Begun(
                    self._bucket.call("create_multipart_upload", self._name)["UploadId"]
                )
            return self._begun

    def _left(self) -> _Begun | None:
        """What an earlier try has left; None where there was none."""
        tries: dict[str, dict[int, Part]] = {}
        for upload in self._uploads():
            with suppress(NoUpload):
                tries[upload] = dict(self._stored_parts(upload))
        if not tries:
            return None
        best = max(tries, key=lambda upload: len(tries[upload]))
        return _Begun(best, tries[best], tuple(upload for upload in tries if upload != best))

    def _uploads(self) -> Iterator[str]:
        """The ids of unfinished uploads of this name, among those of all names that begin with it."""
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
        """Whether the object is there, made of these parts."""
        if not all(map(md5_of, etags)):
            return False
        whole = hashlib.md5(b"".join(map(bytes.fromhex, etags)), usedforsecurity=False).hexdigest()
        try:
            told = self._bucket.call("head_object", self._name)
        except ObjectAbsent:
            return False
        return plain_etag(told["ETag"]) == f"{whole}-{len(etags)}"

    def _abort(self, upload: str) -> None:
        with suppress(NoUpload):
            self._bucket.call("abort_multipart_upload", self._name, UploadId=upload)
