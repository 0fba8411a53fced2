"""Why an image can't be fetched, by the texts of registries and of the programs that fetch images. Pure.

The texts are not part of any API, but for the codes of the OCI distribution specification ("Error Codes"). They are
those of Docker 20.10 to 28, containerd, CRI-O, Podman, skopeo and umoci, which forward a registry's answer.
"""

import re
from urllib.parse import unquote

from pfcon.compute.words import plain
from pfcon.errors import Refused, refused
from pfcon.reasons import Reason, Why, explain

# The first match counts: a client that got no valid answer may add that the image was not found.
_TEXTS = (
    (
        Reason.INVALID_IMAGE_NAME,
        r"invalid reference|reference format|repository name must be|couldn't parse image|could not parse|invalid tag"
        r"|NAME_INVALID|InvalidImageName|failed to apply default image tag",
    ),
    (Reason.REGISTRY_LIMIT, r"too ?many ?requests|rate limit|status ?(?:code)?:? 429"),
    (
        Reason.WRONG_ARCHITECTURE,
        r"no matching manifest for|no image found in .* for architecture|does not match the (?:specified|host's)"
        r" platform|no match for platform|choosing an image from manifest list",
    ),
    (Reason.DISK_FULL, r"no space left"),
    (
        Reason.IMAGE_CORRUPT,
        r"verification failed|digest (?:mismatch|did not match)|does not match (?:digest|expected|\w+ manifest digest)"
        r"|does not match config's DiffID"
        r"|failed size validation|unexpected commit digest|invalid tar header|archive/tar|gzip: |flate: |unexpected EOF"
        r"|DIGEST_INVALID|digest .* did not match|error reading layer|invalid character|unmarshal",
    ),
    (
        Reason.IMAGE_NOT_FOUND,
        r"manifest unknown|MANIFEST_UNKNOWN|manifest for .* not found|name (?:unknown|not known)|NAME_UNKNOWN"
        r"|not found: manifest|repository .* not found|status ?(?:code)?:? 404|404 Not Found|: not found\b",
    ),
    (
        Reason.IMAGE_REFUSED,
        r"(?<!permission )denied|unauthorized|authentication required|no basic auth|forbidden"
        r"|status ?(?:code)?:? 40[13]",
    ),
    (
        Reason.REGISTRY_UNREACHABLE,
        r"connection re(?:fused|set)|no such host|i/o timeout|no route to host|network is unreachable|timed? ?out"
        r"|deadline exceeded|Client\.Timeout|TLS handshake|server misbehaving|name resolution|\bEOF\b|x509:|tls:"
        r"|server gave HTTP response to HTTPS client|Service Unavailable|Bad Gateway|status ?(?:code)?:? 5\d\d"
        r"|Internal Server Error",
    ),
)
_PATTERNS = tuple((reason, re.compile(pattern, re.IGNORECASE)) for reason, pattern in _TEXTS)
TEMPORARY = frozenset({Reason.REGISTRY_UNREACHABLE, Reason.REGISTRY_LIMIT, Reason.DISK_FULL, Reason.IMAGE_CORRUPT})
"""Reasons that may pass by themselves: a broken connection may damage data. Otherwise asking again changes nothing."""

# What is before the name of an image that is a single word, such as "denied"; elsewhere that is what a registry says.
_BEFORE_WORD = r"(?:(?<=[/'\"])|(?<=\bfor )|(?<=\bimage )|(?<=\bimage: ))"
_LOG_PREFIX = re.compile(r"time=\"[^\"]*\" level=\w+ msg=", re.ASCII)  # of skopeo
# What may be a secret in an address: a user with a password, and the signature of a layer's address.
_SECRETS = re.compile(r"(https?://)[^/\s\"@]+@|(?<=\w)\?[\w%.~-]+=[^\s\"]*")
_LONGEST = 16 * 1024  # characters of a text that are searched


def image_failure(image: str, text: str) -> Why:
    """Return why an image can't be fetched, from the text of the program that has tried."""
    text = _SECRETS.sub(r"\1", _LOG_PREFIX.sub("", text))
    said = plain(text).strip('"')
    searched = without_names(" ".join(text[:_LONGEST].split()), image)
    reason = next((reason for reason, pattern in _PATTERNS if pattern.search(searched)), None)
    if reason is None:
        return explain(Reason.IMAGE_FAILED, image=image, cause=said, detail=said)
    return explain(reason, image=image, detail=said)


def refusal(image: str, text: str) -> Refused:
    """Return the error for an image that can't be fetched: see ``image_failure``."""
    return refused(image_failure(image, text))


def without_names(text: str, image: str) -> str:
    """Return a text without the names of the image, its registry, repository and tag, which may contain any word."""
    name = image.partition("@")[0]
    first, slash, _ = name.partition("/")
    host = first if slash and ("." in first or ":" in first or first == "localhost") else ""
    tag = name.rpartition("/")[2].partition(":")[2]
    repository = name.removesuffix(f":{tag}")
    path = repository.removeprefix(f"{host}/")
    parts = {image, name, repository, path, host, f"manifest {tag}" if tag else ""}
    text = unquote(text)  # names are also in addresses
    for part in sorted(parts - {""}, key=len, reverse=True):
        before = r"(?<![A-Za-z0-9])" if re.search("[ /:]", part) else _BEFORE_WORD
        text = re.sub(rf"{before}{re.escape(part)}(?![A-Za-z0-9])", "IMAGE", text)
    return text
