"""Why a request over the network got no answer, in words for users. Pure: it looks at what the libraries raise."""

import socket
import ssl
from http.client import HTTPException
from typing import NamedTuple


class Silence(NamedTuple):
    """``reason``: for users, without any address. ``sent``: whether the other side may have got the request.

    ``lasting``: trying again won't help.
    """

    reason: str
    sent: bool
    lasting: bool = False


def silence(fault: BaseException) -> Silence:
    """What a fault of requests, urllib3, botocore, http.client or the operating system means."""
    causes = _causes(fault)
    for cause in causes:
        if isinstance(cause, ConnectionRefusedError | FileNotFoundError | PermissionError | socket.gaierror):
            return Silence((cause.strerror or "connection refused").lower(), sent=False)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Silence(f"its certificate is not valid ({cause.verify_message})", sent=False, lasting=True)
    names = {type(cause).__name__.removesuffix("Error") for cause in causes}  # the libraries' own
    if "ConnectTimeout" in names:
        return Silence("no connection in time", sent=False)
    if "ReadTimeout" in names or any(isinstance(cause, TimeoutError) for cause in causes):
        return Silence("no answer in time", sent=True)
    if any(isinstance(cause, ConnectionError | HTTPException) for cause in causes):
        return Silence("the connection broke", sent=True)
    return Silence("no answer", sent=True)


def _causes(fault: BaseException) -> list[BaseException]:
    """A fault and all that it was made from, the outermost first."""
    found: list[BaseException] = []
    waiting: list[object] = [fault]
    while waiting and len(found) < 20:
        item = waiting.pop(0)
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            waiting += [*item.args, getattr(item, "reason", None), item.__cause__, item.__context__]
    return found
