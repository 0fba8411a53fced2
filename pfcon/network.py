"""Explains to users why a network request got no response, by the client library's exception. Pure functions."""

import socket
import ssl
from http.client import HTTPException
from typing import NamedTuple


class ConnectionFailed(NamedTuple):
    """The failure of a request without a response.

    reason: for users, without an address. may_have_arrived: whether the server may have received the request.
    lasting: whether repeating the request is useless.
    """

    reason: str
    may_have_arrived: bool
    lasting: bool = False


def explain(fault: BaseException) -> ConnectionFailed:
    """Explain an error of requests, urllib3, botocore, http.client or the operating system."""
    causes = _causes(fault)
    for cause in causes:
        if isinstance(cause, ConnectionRefusedError | FileNotFoundError | PermissionError | socket.gaierror):
            return ConnectionFailed((cause.strerror or "connection refused").lower(), may_have_arrived=False)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ConnectionFailed(
                f"its certificate is not valid ({cause.verify_message})", may_have_arrived=False, lasting=True
            )
    names = {type(cause).__name__.removesuffix("Error") for cause in causes}  # of the libraries
    if "ConnectTimeout" in names:
        return ConnectionFailed("no connection in time", may_have_arrived=False)
    if "ReadTimeout" in names or any(isinstance(cause, TimeoutError) for cause in causes):
        return ConnectionFailed("no answer in time", may_have_arrived=True)
    if any(isinstance(cause, ConnectionError | HTTPException) for cause in causes):
        return ConnectionFailed("the connection broke", may_have_arrived=True)
    of_tls = [cause.reason for cause in causes if isinstance(cause, ssl.SSLError) and cause.reason]
    reason = f"TLS failed ({of_tls[0].replace('_', ' ').lower()})" if of_tls else "no answer"  # as of a plain HTTP port
    return ConnectionFailed(reason, may_have_arrived=True)


def _causes(fault: BaseException) -> list[BaseException]:
    """Return an exception and at most 19 of its causes, the outermost first."""
    found: list[BaseException] = []
    waiting: list[object] = [fault]
    while waiting and len(found) < 20:
        item = waiting.pop(0)
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            waiting += [*item.args, getattr(item, "reason", None), item.__cause__, item.__context__]
    return found
