"""What registries of images say when an image can't be had, through whatever fetches it. Pure."""

import re

from pfcon.compute.words import plain
from pfcon.errors import Refused

_NO_REGISTRY = re.compile(
    r"connection refused|no such host|i/o timeout|no route to host|network is unreachable|deadline exceeded"
    r"|Client\.Timeout|TLS handshake|server misbehaving|name resolution",
    re.IGNORECASE,
)
_NO_IMAGE = re.compile(r"manifest unknown|manifest for .* not found|name unknown|not found: manifest", re.IGNORECASE)
_DENIED = re.compile(r"denied|unauthorized|authentication required|no basic auth", re.IGNORECASE)


def refusal(image: str, reason: str) -> Refused:
    """The error for an image that can't be had, with the registry's reason behind ours."""
    reason = plain(reason)
    if _NO_REGISTRY.search(reason):
        why = f"its registry can't be reached ({reason})"
    elif _NO_IMAGE.search(reason):
        why = f"its registry does not have it ({reason})"
    elif _DENIED.search(reason):
        why = f"its registry denies access, or does not have it ({reason})"
    else:
        why = reason
    return Refused(f"image {image} can't be pulled: {why}")
