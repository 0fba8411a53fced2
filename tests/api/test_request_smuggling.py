"""Requests whose end a proxy could see elsewhere than this server: what follows them is never answered as a request.

Each hides a second request, a wrong login, in what is the body for one reader and a new request for another. The server
has to refuse the first one or to close the connection after it (RFC 9112, sections 6.1 to 6.3 and 11.2).
"""

import re
import socket

import pytest
from support.live import LiveServer

from pfcon.testing.waiting import PATIENCE

HIDDEN = b"GET /api/v1/hidden/ HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"0\r\n\r\n" + HIDDEN
HEAD = b"POST /api/v1/auth-token/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def head(*lines: bytes) -> bytes:
    return HEAD + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def length(value: bytes) -> bytes:
    return b"Content-Length: " + value


ATTACKS = {
    "length and chunked": head(length(b"%d" % len(CHUNKED)), b"Transfer-Encoding: chunked") + CHUNKED,
    "chunked and length": head(b"Transfer-Encoding: chunked", length(b"4")) + CHUNKED,
    "two lengths": head(length(b"0"), length(b"%d" % len(HIDDEN))) + HIDDEN,
    "list of lengths": head(length(b"0, %d" % len(HIDDEN))) + HIDDEN,
    "signed length": head(length(b"+0")) + HIDDEN,
    "negative length": head(length(b"-1")) + HIDDEN,
    "hexadecimal length": head(length(b"0x0")) + HIDDEN,
    "length with underscore": head(length(b"0_0")) + HIDDEN,
    "blank before the colon": head(b"Content-Length : 0") + HIDDEN,
    "folded line": head(b"Content-Length:", b" 0") + HIDDEN,
    "chunked twice": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + CHUNKED,
    "chunked and identity": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity") + CHUNKED,
    "unknown coding": head(b"Transfer-Encoding: xchunked") + CHUNKED,
    "chunked is not last": head(b"Transfer-Encoding: chunked, gzip") + CHUNKED,
    "vertical tab": head(b"Transfer-Encoding: \x0bchunked") + CHUNKED,
    "blank before coding's colon": head(b"Transfer-Encoding : chunked") + CHUNKED,
    "underscore for dash": head(b"Transfer_Encoding: chunked", length(b"4")) + b"0000" + b"GET",
    "line feed alone": HEAD + b"X: a\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "carriage return alone": HEAD + b"X: a\rTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "NUL in a header": head(b"X: a\0b", length(b"0")) + HIDDEN,
    "size of a chunk with sign": head(b"Transfer-Encoding: chunked") + b"+0\r\n\r\n" + HIDDEN,
    "size of a chunk with prefix": head(b"Transfer-Encoding: chunked") + b"0x0\r\n\r\n" + HIDDEN,
    "chunk longer than it says": head(b"Transfer-Encoding: chunked") + b"1\r\nab\r\n" + CHUNKED,
    "chunk without its end": head(b"Transfer-Encoding: chunked") + b"1\r\na" + CHUNKED,
    "HTTP/1.0 and chunked": HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "no version": b"POST /api/v1/auth-token/\r\n\r\n" + HIDDEN,
    "space in the target": b"GET /api/v1/health/ x HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
}


def answers(server: LiveServer, content: bytes) -> bytes:
    """All that comes until the server closes, or has nothing more to read."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            try:
                return answer.read()
            except ConnectionResetError:  # closed with bytes of ours unread
                return b""


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hidden_request_is_not_answered(server: LiveServer, name: str) -> None:
    answer = answers(server, ATTACKS[name])
    statuses = re.findall(rb"HTTP/1\.[01] (\d{3})", answer)
    assert b"404" not in statuses, answer  # what the hidden request would get
    assert len(statuses) <= 1, answer
    assert all(status.startswith(b"4") or status == b"501" for status in statuses), answer


def test_requests_that_follow_each_other_are_all_answered(server: LiveServer) -> None:
    """Or the tests above would show nothing."""
    body = b'{"pfcon_user": "x"}'
    one = head(length(b"%d" % len(body))) + body
    two = head(b"Transfer-Encoding: chunked") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    statuses = re.findall(rb"HTTP/1\.1 (\d{3})", answers(server, one + two + HIDDEN))
    assert statuses == [b"400", b"400", b"404"]
