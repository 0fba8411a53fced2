"""``/metrics``, for Prometheus: with a token, or at an address of its own, which has nothing else."""

import hmac

from flask import Flask, Response, request

from pfcon.api.context import current
from pfcon.api.openapi.operation import TEXT, operation
from pfcon.auth import verify_header
from pfcon.errors import Absent
from pfcon.metrics.exposition import CONTENT_TYPE, exposition

PATH = "/metrics"
_OPEN = (PATH, "/api/v1/health/", "/api/v1/ready/", "/api/v1/ready/traffic/")
"""What is served at the address of PFCON_METRICS_BIND."""


def add_metrics(app: Flask) -> None:
    """Add the resource to an application whose context is set."""
    app.add_url_rule(PATH, view_func=_metrics, endpoint="metrics")
    app.before_request(_close_other_paths)


@operation(content={"text/plain": TEXT}, token=True)
def _metrics() -> Response:
    """Return the metrics. Raises Unauthorized."""
    if not _is_own_address():
        _verify()
    return Response(exposition(current().jobs.collector), content_type=CONTENT_TYPE)


def _close_other_paths() -> None:
    """Raise Absent for everything else at the address of the metrics: it needs no token, so others may reach it."""
    if _is_own_address() and request.path not in _OPEN:
        raise Absent(f"this address has only {', '.join(_OPEN)}")


def _is_own_address() -> bool:
    """Whether the request has arrived at the address of the metrics. The port is that of the socket, not of Host."""
    address = current().settings.metrics.address
    return address is not None and request.environ.get("SERVER_PORT") == str(address[1])


def _verify() -> None:
    """Check the token: that of the metrics, or any of a client. Raises Unauthorized."""
    header, token = request.headers.get("Authorization"), current().settings.metrics.token
    given = (header or "").encode("utf-8", "surrogatepass")
    if token is not None and hmac.compare_digest(given, f"Bearer {token}".encode()):
        return
    verify_header(current().settings.auth, header)
