"""One bucket: its requests, one by one, through one client of boto3 for all threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from pfcon.storage.objects.http import Timeouts, not_utf8, read_body
from pfcon.storage.objects.s3_description import S3Settings
from pfcon.storage.objects.s3_faults import NETWORK_FAULTS, answered, unanswered, unsent
from pfcon.storage.objects.source import SourceFault
from pfcon.storage.objects.store import ObjectAbsent

MAX_CONNECTIONS = 64
AMAZON = (".amazonaws.com", ".amazonaws.com.cn")


class Bucket:
    """``place`` names it in messages. Methods raise the seam's errors. It connects on first use."""

    def __init__(self, settings: S3Settings, timeouts: Timeouts) -> None:
        self._settings = settings
        self._timeouts = timeouts
        self._lock = Lock()
        self._client: Any = None
        self._secrets = (settings.secret_key, settings.access_key)
        self.name = settings.bucket
        self.region = settings.region
        self.place = f"bucket {settings.bucket!r} of {settings.endpoint_url}"

    def call(self, method: str, name: str | None = None, /, **arguments: Any) -> dict[str, Any]:
        """Make one request, about the object ``name`` or the bucket itself: a method of boto3's client."""
        if name is not None:
            arguments["Key"] = name
        with self._answers(name):
            found: dict[str, Any] = getattr(self._connected(), method)(Bucket=self.name, **arguments)
            return found

    def check(self) -> None:
        """Raise Refused when there is no such bucket, or no right to see it."""
        self.call("head_bucket")

    def chunks(self, content: Any, size: int) -> Iterator[bytes]:
        """The bytes of an answer, at most 256 KiB at a time. Raises Transient."""
        try:
            yield from read_body(content.read, size)
        except NETWORK_FAULTS as fault:
            raise unanswered(fault, self.place) from None

    def _connected(self) -> Any:
        """The client; its making reads descriptions of the service, which takes a while."""
        with self._lock:
            if self._client is None:
                self._client = make_client(self._settings, self._timeouts)
            return self._client

    @contextmanager
    def _answers(self, name: str | None) -> Iterator[None]:
        try:
            yield
        except SourceFault as fault:
            raise fault.error from None
        except ClientError as error:
            meant = answered(error, self.place, name, self._secrets)
            if isinstance(meant, ObjectAbsent):
                self.check()  # to a HEAD, services say the same for a bucket that is not there
            raise meant from None
        except NETWORK_FAULTS as fault:
            raise unanswered(fault, self.place) from None
        except BotoCoreError as fault:
            raise unsent(fault, self.place, name, self._secrets) from None
        except UnicodeEncodeError:
            raise not_utf8(name, self.place) from None


def make_client(settings: S3Settings, timeouts: Timeouts) -> Any:
    """A client that tries nothing twice, and sends and asks for no checksums that other services than Amazon's lack."""
    import boto3
    from botocore.config import Config

    host = urlsplit(settings.endpoint_url).hostname or ""
    config = Config(
        signature_version="s3v4",
        connect_timeout=timeouts.connect,
        read_timeout=timeouts.read,
        max_pool_connections=MAX_CONNECTIONS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        s3={"addressing_style": "auto" if host.endswith(AMAZON) else "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.session.Session(
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        region_name=settings.region,
    )
    return session.client("s3", endpoint_url=settings.endpoint_url, config=config)
