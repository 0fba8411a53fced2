"""Issues and verifies the JSON Web Tokens of clients.

A token contains an HMAC of the user and the password: when either changes, it becomes invalid. Tokens signed with the
previous key are still accepted, so that the key can be changed without ending all sessions.
"""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from pfcon.errors import Unauthorized
from pfcon.settings.service import AuthSettings

LIFETIME = timedelta(days=2)
ALGORITHM = "HS256"
_MARK_BYTES = 16  # of 32; each one adds about two characters to a token, which must be shorter than 500


def is_right(auth: AuthSettings, user: str, password: str) -> bool:
    """Whether the credentials are right. The comparisons take the same time, whichever is wrong, for any length."""
    right_user = hmac.compare_digest(_digest(auth, user), _digest(auth, auth.user))
    right_password = hmac.compare_digest(_digest(auth, password), _digest(auth, auth.password))
    return right_user and right_password


def issue_token(auth: AuthSettings) -> str:
    """Return a new token, shorter than 500 characters, because CUBE can't store longer ones."""
    claims = {"pfcon_user": auth.user, "exp": datetime.now(UTC) + LIFETIME, "for": _mark(auth, auth.secret_key)}
    return jwt.encode(claims, _bytes(auth.secret_key), algorithm=ALGORITHM)


def verify_header(auth: AuthSettings, header: str | None) -> None:
    """Check an ``Authorization`` header. Raises Unauthorized, with a text that clients rely on; never logs a token."""
    if not header:
        raise Unauthorized("Missing authorization header.")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip() or " " in token.strip():
        raise Unauthorized("Invalid authorization header.")
    try:
        claims, key = _claims(auth, token.strip())
    except jwt.ExpiredSignatureError:
        raise Unauthorized("Expired authorization token.") from None
    except (jwt.InvalidTokenError, ValueError, RecursionError):  # PyJWT lets json's errors pass
        raise Unauthorized("Invalid authorization token.") from None
    mark = claims.get("for")
    right_mark = isinstance(mark, str) and hmac.compare_digest(
        mark.encode("utf-8", "replace"), _mark(auth, key).encode()
    )
    if claims.get("pfcon_user") != auth.user or not right_mark:
        raise Unauthorized("Invalid authorization token.")


def _claims(auth: AuthSettings, token: str) -> tuple[dict[str, Any], str]:
    """Return a token's claims and the key that signed it. Raises PyJWT's errors, ValueError, RecursionError."""
    for key in (auth.secret_key, auth.previous_key):
        if key is not None:
            try:
                return _decode(token, key), key
            except jwt.InvalidSignatureError:
                continue
    raise jwt.InvalidSignatureError("no key has signed it")


def _decode(token: str, key: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, _bytes(key), algorithms=[ALGORITHM], options={"require": ["exp"]})
    return claims


def _mark(auth: AuthSettings, key: str) -> str:
    """Return the HMAC of the credentials for a token. Without the key, passwords can't be tested against it."""
    payload = json.dumps(["pfcon credentials", auth.user, auth.password]).encode()
    return base64.urlsafe_b64encode(hmac.digest(_bytes(key), payload, "sha256")[:_MARK_BYTES]).decode().rstrip("=")


def _digest(auth: AuthSettings, text: str) -> bytes:
    return hmac.digest(_bytes(auth.secret_key), _bytes(text), "sha256")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # JSON may contain a lone surrogate, which UTF-8 can't encode
