"""What Swift's answers mean."""

import socket
from typing import Any

import pytest
import requests
import urllib3
from swiftclient.exceptions import ClientException

from pfcon.errors import Refused
from pfcon.storage.objects.store import Changed, ObjectAbsent, Transient
from pfcon.storage.objects.swift.container import etag_of_result
from pfcon.storage.objects.swift.faults import NoContainer, RequestTarget, connection_error, response_error

PLACE = "container 'users' of http://swift:8080/auth/v1.0"
OBJECT = RequestTarget(PLACE, "a/b", secrets=("AUTH_tk123",))


def answer(status: int, text: bytes = b"<html><h1>Bad</h1><p>Because.</p></html>", **headers: str) -> ClientException:
    return ClientException("failed", http_status=status, http_response_content=text, http_response_headers=headers)


@pytest.mark.parametrize("status", [408, 429, 498, 499, 500, 502, 503, 504, 507])
def test_these_answers_may_pass(status: int) -> None:
    fault = response_error(answer(status), OBJECT)
    assert isinstance(fault, Transient)
    assert str(fault) == f"{PLACE} answers {status} (Bad Because.)"


def test_what_was_spoilt_on_its_way_may_be_sent_again() -> None:
    fault = response_error(answer(422), OBJECT)
    assert isinstance(fault, Transient)
    assert str(fault) == f"'a/b' in {PLACE}: the data were corrupted in transit (422: Bad Because.)"


@pytest.mark.parametrize("status", [400, 401, 403, 405, 409, 411, 413, 501, 505])
def test_these_answers_are_final(status: int) -> None:
    fault = response_error(answer(status), OBJECT)
    assert type(fault) is Refused
    assert str(fault).startswith(f"'a/b' in {PLACE}: ")
    assert str(fault).endswith(f"({status}: Bad Because.)")


@pytest.mark.parametrize("status", [412, 416])
def test_these_answers_are_about_another_object(status: int) -> None:
    assert isinstance(response_error(answer(status), OBJECT), Changed)


def test_an_absent_object_is_told_from_an_absent_container() -> None:
    assert isinstance(response_error(answer(404), OBJECT), ObjectAbsent)
    fault = response_error(answer(404), RequestTarget(PLACE))
    assert isinstance(fault, NoContainer)
    assert str(fault) == f"there is no {PLACE}"


@pytest.mark.parametrize(("text", "seconds"), [("7", 7.0), ("", 0.0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0)])
def test_the_wait_that_is_asked_for_is_told(text: str, seconds: float) -> None:
    headers: dict[str, Any] = {"Retry-After": text}
    fault = response_error(answer(503, **headers), OBJECT)
    assert isinstance(fault, Transient)
    assert fault.retry_after == seconds


def test_texts_are_one_line_of_bounded_length_without_secrets() -> None:
    fault = response_error(answer(400, b"token AUTH_tk123\nis bad " + b"x" * 1000), OBJECT)
    assert "AUTH_tk123" not in str(fault)
    assert "token *** is bad" in str(fault)
    assert len(str(fault)) < 500
    assert "AUTH_tk123" not in repr(OBJECT)


def test_what_the_library_itself_does_not_take_is_refused() -> None:
    assert isinstance(response_error(ClientException("Unsupported scheme"), OBJECT), Refused)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (requests.ConnectTimeout("…"), "no connection in time"),
        (requests.ReadTimeout("…"), "no answer in time"),
        (requests.ConnectionError(ConnectionRefusedError(111, "Connection refused")), "connection refused"),
        (requests.ConnectionError(socket.gaierror(-2, "Name or service not known")), "name or service not known"),
        (urllib3.exceptions.ProtocolError("…", urllib3.exceptions.IncompleteRead(1, 2)), "the connection broke"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection broke"),
        (TimeoutError("timed out"), "no answer in time"),
        (requests.TooManyRedirects("…"), "no answer"),
    ],
)
def test_a_broken_connection_may_pass(fault: Exception, reason: str) -> None:
    found = connection_error(fault, PLACE)
    assert isinstance(found, Transient)
    assert str(found) == f"{PLACE} does not answer: {reason}"


@pytest.mark.parametrize(
    "text",
    [b"", b"  \n ", b'   {"Response Status": "201 Created", "Errors": []}', b'{"Response Status": "202 Accepted"}'],
)
def test_a_manifest_that_was_taken_raises_nothing(text: bytes) -> None:
    etag_of_result(text)


def test_a_manifest_that_was_not_taken_tells_why() -> None:
    errors = b'[["/c/one", "404 Not Found"], ["/c/two", "Etag Mismatch"]]'
    text = b'  {"Response Status": "400 Bad Request", "Errors": %b}' % errors
    with pytest.raises(ClientException) as caught:
        etag_of_result(text)
    fault = response_error(caught.value, OBJECT)
    assert isinstance(fault, Refused)
    assert "/c/one 404 Not Found; /c/two Etag Mismatch" in str(fault)


def test_a_manifest_whose_segments_do_not_answer_may_pass() -> None:
    with pytest.raises(ClientException) as caught:
        etag_of_result(b'{"Response Status": "503 Service Unavailable", "Errors": []}')
    assert isinstance(response_error(caught.value, OBJECT), Transient)
