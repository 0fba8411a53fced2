"""Issue and verify the JSON Web Tokens that clients carry."""

import hmac
from datetime import UTC, datetime, timedelta

import jwt

from pfcon.errors import Refused, Unauthorized
from pfcon.settings.model import AuthSettings

LIFETIME = timedelta(days=2)
ALGORITHM = "HS256"


def issue_token(auth: AuthSettings, user: str, password: str) -> str:
    """A token for the right user and password; it stays far below the 500 characters that CUBE can store.

    Raises Refused, after the same time for a wrong user as for a wrong password.
    """
    right_user = hmac.compare_digest(user.encode(), auth.user.encode())
    right_password = hmac.compare_digest(password.encode(), auth.password.encode())
    if not (right_user and right_password):
        raise Refused("Unable to log in with provided credentials.")
    claims = {"pfcon_user": auth.user, "exp": datetime.now(UTC) + LIFETIME}
    return jwt.encode(claims, auth.secret_key, algorithm=ALGORITHM)


def verify_header(auth: AuthSettings, header: str | None) -> None:
    """Check an ``Authorization`` header. Raises Unauthorized with the text that clients know; never logs a token."""
    if not header:
        raise Unauthorized("Missing authorization header.")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip() or " " in token.strip():
        raise Unauthorized("Invalid authorization header.")
    try:
        claims = jwt.decode(token.strip(), auth.secret_key, algorithms=[ALGORITHM], options={"require": ["exp"]})
    except jwt.ExpiredSignatureError:
        raise Unauthorized("Expired authorization token.") from None
    except jwt.InvalidTokenError:
        raise Unauthorized("Invalid authorization token.") from None
    if claims.get("pfcon_user") != auth.user:
        raise Unauthorized("Invalid authorization token.")
