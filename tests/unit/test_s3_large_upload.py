"""Which unfinished upload of S3 is resumed."""

from typing import Any

from support.object_stores import md5

from pfcon.storage.objects.http import Timeouts
from pfcon.storage.objects.s3.bucket import Bucket
from pfcon.storage.objects.s3.description import S3Settings
from pfcon.storage.objects.s3.upload import S3LargeUpload
from pfcon.storage.objects.store import Part

SETTINGS = S3Settings("http://s3:9000", "access", "secret", "us-east-1", "users")
MD5 = md5(b"12345")


class Uploads(Bucket):
    """Unfinished uploads of one object: the numbers of their parts, from 1. radosgw completes one only with all."""

    def __init__(self, uploads: dict[str, list[int]]) -> None:
        super().__init__(SETTINGS, Timeouts())
        self.uploads = uploads
        self.created: list[dict[str, str]] = []

    def call(self, method: str, name: str | None = None, /, **arguments: Any) -> dict[str, Any]:
        if method == "list_multipart_uploads":
            return {"Uploads": [{"UploadId": upload, "Key": name or "large"} for upload in self.uploads]}
        if method == "list_parts":
            numbers = self.uploads[arguments["UploadId"]]
            return {"Parts": [{"PartNumber": number, "Size": 5, "ETag": f'"{MD5}"'} for number in numbers]}
        if method == "create_multipart_upload":
            self.created.append(arguments["Metadata"])
            self.uploads["new"] = []
            return {"UploadId": "new"}
        if method == "complete_multipart_upload":
            assert len(self.uploads[arguments["UploadId"]]) in (0, len(arguments["MultipartUpload"]["Parts"]))
        del self.uploads[arguments["UploadId"]]
        return {}


def test_the_upload_with_the_most_parts_is_resumed() -> None:
    bucket = Uploads({"one": [1], "two": [1, 3], "none": []})
    upload = S3LargeUpload(bucket, "large", 5, 3)
    assert upload.uploaded_parts() == {0: Part(5, MD5), 2: Part(5, MD5)}
    assert bucket.created == []


def test_an_upload_of_a_longer_file_is_aborted_once_the_next_is_finished() -> None:
    bucket = Uploads({"longer": [1, 2, 4]})
    upload = S3LargeUpload(bucket, "large", 5, 3)
    assert upload.uploaded_parts() == {}
    assert bucket.created == [{"pfcon-part-size": "5"}]
    assert "longer" in bucket.uploads
    upload.finish([Part(5, MD5)] * 3)
    assert bucket.uploads == {}
