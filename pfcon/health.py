"""``pfcon health``: checks the service on this host, for the health check of a container."""

import http.client
import json

from pfcon.errors import Unreachable
from pfcon.settings.service import ServerSettings

TIMEOUT = 4.0  # seconds; less than the timeout of the Dockerfile's health check for the whole command
PATH = "/api/v1/health/"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - the address to connect to when the service listens on all


def ask(server: ServerSettings) -> str:
    """Return a line for the user when the service is healthy. Raises Unreachable with the reason otherwise."""
    host = _EVERYWHERE.get(server.host, server.host)
    where = f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}"
    connection = http.client.HTTPConnection(host, server.port, timeout=TIMEOUT)
    try:
        connection.request("GET", PATH)
        answer = connection.getresponse()
        reply = json.loads(answer.read(1000))
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise Unreachable(f"pfcon does not answer at {where}: {fault or type(fault).__name__}") from fault
    finally:
        connection.close()
    if answer.status != http.client.OK or reply != {"health": "OK"}:
        raise Unreachable(f"pfcon at {where} is not healthy: {answer.status} {str(reply)[:200]}")
    return f"pfcon answers at {where}"
