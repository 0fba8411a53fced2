"""The resources that need no token: health, readiness and login."""

import json
from collections.abc import Mapping
from typing import Any

from flask import request
from flask_restful import Resource

from pfcon.api.answers import Credentials, Part, Token
from pfcon.api.answers import Health as HealthAnswer
from pfcon.api.context import current
from pfcon.api.forms import read_body
from pfcon.api.openapi.operation import operation
from pfcon.api.request_log import note_refused_login
from pfcon.auth import is_right, issue_token
from pfcon.errors import InvalidFields, Refused, TooLarge, TooManyRequests, UnsupportedContent
from pfcon.jobs.readiness import PartState

MAX_CREDENTIALS = 64 * 1024  # bytes


class Health(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``health/``"""

    @operation()
    def get(self) -> HealthAnswer:
        """Return that the server runs. Raises NewerSchema if it can't serve jobs before an administrator acts.

        Nothing is asked: a database or an engine that is away for a while is no reason to restart the server.
        """
        current().jobs.require_usable_records()
        return {"health": "OK"}


class Ready(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``ready/``"""

    @operation(other={503: "A part does not work, or the service does not answer now."})
    def get(self) -> tuple[dict[str, Part], int]:
        """Return for each part of the service whether it works; 503 if one does not."""
        states = current().jobs.readiness()
        return _parts(states), 200 if all(state.ok for state in states.values()) else 503


class Traffic(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``ready/traffic/``"""

    @operation(other={503: "This service should get no requests, or does not answer now."})
    def get(self) -> tuple[dict[str, Part], int]:
        """Return the parts without which hardly any request can be answered; 503 if one can't be used. For load
        balancers: what is away for all services alike, or is mended by requests, is no reason to get none.
        """
        states, should_get = current().jobs.traffic_readiness()
        return _parts(states), 200 if should_get else 503


def _parts(states: Mapping[str, PartState]) -> dict[str, Part]:
    return {name: {"ok": state.ok, "ms": state.ms, "message": state.message} for name, state in states.items()}


class AuthToken(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``auth-token/``"""

    @operation(body=Credentials, errors=(Refused, TooLarge, UnsupportedContent, TooManyRequests))
    def post(self) -> Token:
        """Return a token. Raises Refused (wrong credentials), InvalidFields, TooManyRequests, ..."""
        if not request.is_json:
            raise UnsupportedContent(f"Content-Type must be application/json, got {request.mimetype or 'none'}")
        values = _json_object(
            read_body(request, MAX_CREDENTIALS, TooLarge(f"the body must have at most {MAX_CREDENTIALS} bytes"))
        )
        names = Credentials.__annotations__
        faults = {name: "field is required" for name in names if not isinstance(values.get(name), str)}
        if faults:
            raise InvalidFields(faults)
        user, password = (values[name] for name in names)
        auth = current().settings.auth
        address = request.remote_addr or ""
        right = current().logins.attempt(address, user, password, lambda: is_right(auth, user, password))
        if not right:
            note_refused_login()
        if right is None:
            raise TooManyRequests(
                "too many failed logins from this address; try again later with the right credentials"
            )
        if not right:
            raise Refused("Unable to log in with provided credentials.")
        return {"token": issue_token(auth)}


def _json_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises Refused for anything else, also for JSON that is nested too deeply."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise Refused("the body must be a JSON object with pfcon_user and pfcon_password")
    return values
