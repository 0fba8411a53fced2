"""``pfcon health``, for the health checks of containers, and ``pfcon ready``, for people: both ask the service here."""

import http.client
import json
from typing import Any

from pfcon.errors import Unreachable

Address = tuple[str, int]  # the host, without brackets, and the port on which the service listens
TIMEOUT = 8.0  # seconds; less than the timeout of the Dockerfile's health check, and more than that of a part's probe
PATH = "/api/v1/health/"
READY_PATH = "/api/v1/ready/"
_LONGEST = 64 * 1024  # bytes of an answer
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - the address to connect to when the service listens on all


def ask(address: Address) -> str:
    """Return a line for the user when the service is healthy. Raises Unreachable with the reason otherwise."""
    status, reply = _get(address, PATH)
    if status != http.client.OK or reply != {"health": "OK"}:
        raise Unreachable(f"pfcon at {_where(address)} is not healthy: {status} {str(reply)[:200]}")
    return f"pfcon answers at {_where(address)}"


def ask_parts(address: Address) -> tuple[bool, list[str]]:
    """Return whether all parts of the service work, and a line for each. Raises Unreachable when it does not answer."""
    status, reply = _get(address, READY_PATH)
    if status not in (http.client.OK, http.client.SERVICE_UNAVAILABLE) or not _are_parts(reply):
        raise Unreachable(f"pfcon at {_where(address)} has no state of its parts: {status} {str(reply)[:200]}")
    lines = [
        f"{'ok    ' if part['ok'] else 'FAILED'}  {name}: {part['message']} ({part['ms']} ms)"
        for name, part in reply.items()
    ]
    return status == http.client.OK, lines


def _are_parts(reply: Any) -> bool:
    keys = {"ok", "ms", "message"}
    return isinstance(reply, dict) and all(isinstance(part, dict) and keys <= part.keys() for part in reply.values())


def _where(address: Address) -> str:
    host, port = _host(address), address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _host(address: Address) -> str:
    return _EVERYWHERE.get(address[0], address[0])


def _get(address: Address, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(_host(address), address[1], timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read(_LONGEST))
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise Unreachable(f"pfcon does not answer at {_where(address)}: {fault or type(fault).__name__}") from fault
    finally:
        connection.close()
