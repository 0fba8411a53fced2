"""What an S3 service's errors mean."""

import ssl

import pytest
from botocore import exceptions as botocore
from botocore.exceptions import ClientError

from pfcon.errors import Refused
from pfcon.storage.objects.s3.faults import NETWORK_FAULTS, NoUpload, connection_error, request_error, response_error
from pfcon.storage.objects.source import SourceFault
from pfcon.storage.objects.store import Changed, ObjectAbsent, Transient

PLACE = "bucket 'users' of https://s3.example.org"
SECRETS = ("very-secret",)


def error(status: int, code: str, message: str = "Because.", **headers: str) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},  # type: ignore[typeddict-item]
        },
        "GetObject",
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((500, "InternalError"), (503, "SlowDown"), (503, "ServiceUnavailable"), (502, "502"), (504, "")),
        *((400, "RequestTimeout"), (400, "IncompleteBody"), (429, "TooManyRequestsException"), (408, "408")),
        *((409, "OperationAborted"), (409, "ConditionalRequestConflict"), (200, "InternalError")),
    ],
)
def test_these_errors_may_pass(status: int, code: str) -> None:
    fault = response_error(error(status, code, **{"retry-after": "3"}), PLACE, "a/b")
    assert isinstance(fault, Transient)
    assert str(fault).startswith(f"{PLACE} answers {status}")
    assert fault.retry_after == 3


@pytest.mark.parametrize("code", ["BadDigest", "XAmzContentSHA256Mismatch"])
def test_what_was_spoilt_on_its_way_may_be_sent_again(code: str) -> None:
    fault = response_error(error(400, code), PLACE, "a/b")
    assert isinstance(fault, Transient)
    assert str(fault) == f"'a/b' in {PLACE}: the data were corrupted in transit (400 {code}: Because.)"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((400, "InvalidRequest"), (400, "EntityTooSmall"), (400, "KeyTooLongError")),
        *((403, "AccessDenied"), (403, "SignatureDoesNotMatch"), (403, "InvalidAccessKeyId"), (403, "403")),
        *((403, "RequestTimeTooSkewed"), (301, "PermanentRedirect"), (501, "NotImplemented"), (405, "405")),
        *((404, "NoSuchBucket"), (404, "NoSuchUpload"), (409, "InvalidBucketState")),
    ],
)
def test_these_errors_are_final(status: int, code: str) -> None:
    fault = response_error(error(status, code), PLACE, "a/b")
    assert isinstance(fault, Refused)
    assert PLACE in str(fault)


@pytest.mark.parametrize(
    ("status", "code"), [(412, "PreconditionFailed"), (416, "InvalidRange"), (412, "412"), (416, "416")]
)
def test_these_errors_are_about_another_object(status: int, code: str) -> None:
    assert isinstance(response_error(error(status, code), PLACE, "a/b"), Changed)


@pytest.mark.parametrize("code", ["NoSuchKey", "404"])
def test_an_absent_object_is_told_from_an_absent_bucket(code: str) -> None:
    assert isinstance(response_error(error(404, code), PLACE, "a/b"), ObjectAbsent)
    fault = response_error(error(404, code), PLACE, None)
    assert isinstance(fault, Refused)
    assert str(fault) == f"there is no {PLACE}"


def test_an_upload_that_is_gone_has_an_error_of_its_own() -> None:
    assert isinstance(response_error(error(404, "NoSuchUpload"), PLACE, "a/b"), NoUpload)


def test_texts_are_one_line_without_secrets() -> None:
    fault = response_error(error(400, "Odd", "very-secret\n<b>is</b> wrong"), PLACE, "a/b", SECRETS)
    assert str(fault) == f"'a/b' in {PLACE}: the request was refused (400 Odd: *** is wrong)"


def raised(fault: Exception, cause: Exception) -> Exception:
    fault.__context__ = cause
    return fault


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            raised(
                botocore.EndpointConnectionError(endpoint_url="https://s3", error="x"),
                ConnectionRefusedError(111, "Connection refused"),
            ),
            "connection refused",
        ),
        (botocore.ConnectTimeoutError(endpoint_url="https://s3", error="x"), "no connection in time"),
        (botocore.ReadTimeoutError(endpoint_url="https://s3", error="x"), "no answer in time"),
        (
            raised(botocore.ConnectionClosedError(endpoint_url="https://s3"), ConnectionResetError(104, "reset")),
            "the connection broke",
        ),
        (botocore.IncompleteReadError(actual_bytes=1, expected_bytes=2), "no answer"),
    ],
)
def test_a_broken_connection_may_pass(fault: Exception, reason: str) -> None:
    assert isinstance(fault, NETWORK_FAULTS)
    found = connection_error(fault, PLACE)
    assert isinstance(found, Transient)
    assert str(found) == f"{PLACE} does not answer: {reason}"


def test_a_certificate_that_is_not_valid_does_not_pass() -> None:
    cause = ssl.SSLCertVerificationError(1, "…")
    cause.verify_message = "self-signed certificate"
    found = connection_error(raised(botocore.SSLError(endpoint_url="https://s3", error=cause), cause), PLACE)
    assert isinstance(found, Refused)
    assert "self-signed certificate" in str(found)


@pytest.mark.parametrize("inner", [SourceFault(OSError(5, "Input/output error")), Refused("the file became shorter")])
def test_what_is_wrong_with_the_file_is_no_fault_of_the_network(inner: Exception) -> None:
    found = connection_error(botocore.HTTPClientError(error=inner), PLACE)
    assert found is (inner.error if isinstance(inner, SourceFault) else inner)


def test_a_request_that_botocore_does_not_take_is_refused() -> None:
    fault = botocore.ParamValidationError(report="Invalid bucket name very-secret")
    found = request_error(fault, PLACE, None, SECRETS)
    assert isinstance(found, Refused)
    assert "Invalid bucket name ***" in str(found)
