"""The signature of what the webhook sends."""

import hashlib
import hmac


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return ``sha256=`` and the HMAC in hexadecimal of the timestamp, a full stop and the body (RFC 2104)."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
