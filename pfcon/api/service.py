"""Health and tokens: the resources that need no token."""

from typing import Any

from flask import current_app, request
from flask_restful import Resource

from pfcon.auth import issue_token
from pfcon.errors import InvalidFields, Refused, UnsupportedContent

MAX_CREDENTIALS = 64 * 1024  # bytes


class Health(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``health/``"""

    def get(self) -> dict[str, str]:
        """The server answers."""
        return {"health": "OK"}


class AuthToken(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``auth-token/``"""

    def post(self) -> dict[str, str]:
        """A token for user and password."""
        if not request.is_json:
            raise UnsupportedContent(f"Content-Type must be application/json, got {request.mimetype or 'none'}")
        request.max_content_length = MAX_CREDENTIALS
        values: Any = request.get_json(silent=True)
        if not isinstance(values, dict):
            raise Refused("the body must be a JSON object with pfcon_user and pfcon_password")
        names = ("pfcon_user", "pfcon_password")
        faults = {name: "field is required" for name in names if not isinstance(values.get(name), str)}
        if faults:
            raise InvalidFields(faults)
        auth = current_app.extensions["pfcon"].settings.auth
        return {"token": issue_token(auth, values["pfcon_user"], values["pfcon_password"])}
