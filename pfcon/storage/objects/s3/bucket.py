"""One bucket: its requests, through one client of boto3 that all threads share."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from pfcon.storage.objects.http import Timeouts, not_utf8, read_body
from pfcon.storage.objects.s3.description import S3Settings
from pfcon.storage.objects.s3.faults import NETWORK_FAULTS, connection_error, request_error, response_error
from pfcon.storage.objects.source import SourceFault
from pfcon.storage.objects.store import ObjectAbsent

MAX_CONNECTIONS = 64
AMAZON = (".amazonaws.com", ".amazonaws.com.cn")


class Bucket:
    """``place`` names it in messages. Methods raise the errors of ``store``. Connects on first use. Thread-safe."""

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
        """Call a method of boto3's client for the object ``name``, or for the bucket itself; return its response."""
        if name is not None:
            arguments["Key"] = name
        with self._translating_errors(name):
            found: dict[str, Any] = getattr(self._connected(), method)(Bucket=self.name, **arguments)
            return found

    def check(self) -> None:
        """Raise Refused if the bucket does not exist or access is denied."""
        self.call("head_bucket")

    def chunks(self, content: Any, size: int) -> Iterator[bytes]:
        """Yield ``size`` bytes of a response's body, at most 256 KiB each. Raises Transient, Refused."""
        try:
            yield from read_body(content.read, size)
        except NETWORK_FAULTS as fault:
            raise connection_error(fault, self.place) from None

    def _connected(self) -> Any:
        """Return the client; the first call makes it, which is slow: boto3 loads its description of the service."""
        with self._lock:
            if self._client is None:
                self._client = make_client(self._settings, self._timeouts)
            return self._client

    @contextmanager
    def _translating_errors(self, name: str | None) -> Iterator[None]:
        try:
            yield
        except SourceFault as fault:
            raise fault.error from None
        except ClientError as error:
            meant = response_error(error, self.place, name, self._secrets)
            if isinstance(meant, ObjectAbsent):
                self.check()  # the response to a HEAD is the same for a missing bucket
            raise meant from None
        except NETWORK_FAULTS as fault:
            raise connection_error(fault, self.place) from None
        except BotoCoreError as fault:
            raise request_error(fault, self.place, name, self._secrets) from None
        except UnicodeEncodeError:
            raise not_utf8(name, self.place) from None


def make_client(settings: S3Settings, timeouts: Timeouts) -> Any:
    """Return a client without retries, and without the checksums that only Amazon's service supports."""
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
