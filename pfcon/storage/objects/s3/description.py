"""The s3 storage: its name and its settings. Imports the store, and so its libraries, on first use."""

from dataclasses import dataclass

from pfcon.settings import kinds
from pfcon.settings.section import setting
from pfcon.storage.base import Storage
from pfcon.storage.description import StorageContext, StorageDescription
from pfcon.storage.objects.store import ObjectStore

_LINE = kinds.text("one line of text")
_REQUIRED = "required in production"
_FIXED = _REQUIRED + "; a fixed one in development"


@dataclass(frozen=True)
class S3Settings:
    """An S3 bucket."""

    endpoint_url: str = setting(
        "S3_ENDPOINT_URL",
        kinds.url(),
        "URL of the S3 service; clients can see it.",
        development="http://s3-service:9000",
        note=_REQUIRED,
        required=True,
    )
    access_key: str = setting(
        "S3_ACCESS_KEY",
        _LINE,
        "S3's access key.",
        development="minioadmin",
        note=_FIXED,
        required=True,
        secret=True,
    )
    secret_key: str = setting(
        "S3_SECRET_KEY",
        _LINE,
        "S3's secret key.",
        development="minioadmin",
        note=_FIXED,
        required=True,
        secret=True,
    )
    region: str = setting(
        "S3_REGION_NAME",
        kinds.text("letters, digits and '-'", r"[A-Za-z0-9-]+"),
        "S3's region, which is part of the signature of each request.",
        development="us-east-1",
        note=_REQUIRED,
        required=True,
    )
    bucket: str = setting(
        "S3_BUCKET_NAME",
        kinds.text("3 to 255 letters, digits, '.', '_' and '-'", r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]"),
        "Bucket of the users' data; pfcon creates it in development mode.",
        development="users",
        note=_REQUIRED,
        required=True,
    )


def _make(context: StorageContext[S3Settings]) -> Storage:
    from pfcon.storage.object_store import ObjectStorage

    def connect() -> ObjectStore:
        from pfcon.storage.objects.s3.store import S3Store

        return S3Store(context.own)

    return ObjectStorage(context, connect, {"s3_endpoint_url": context.own.endpoint_url})


S3 = StorageDescription("s3", "a bucket of an S3 service", _make, settings=S3Settings)
