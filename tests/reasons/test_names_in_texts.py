"""An image may be called like an error: "denied" is one where a registry says it, and none where it is the name."""

import pytest

from pfcon.compute.registries import image_failure
from pfcon.reasons import Reason


@pytest.mark.parametrize(
    ("image", "text", "reason"),
    [
        ("host:5000/denied:1", "reading manifest 1 in host:5000/denied: manifest unknown", Reason.IMAGE_NOT_FOUND),
        ("host:5000/denied:1", "reading manifest 1 in host:5000/denied: denied", Reason.IMAGE_REFUSED),
        ("denied", "denied: requested access to the resource is denied", Reason.IMAGE_REFUSED),
        ("timeout", 'failed to resolve "docker.io/library/timeout:latest": not found', Reason.IMAGE_NOT_FOUND),
        ("timeout", "pull access denied for timeout, repository does not exist", Reason.IMAGE_REFUSED),
        ("timeout:1", "timeout:1: something else", Reason.IMAGE_FAILED),
        ("timeout", "No such image: timeout", Reason.IMAGE_FAILED),
        ("timeout", 'Get "https://host/v2/library/timeout/manifests/1": EOF', Reason.REGISTRY_UNREACHABLE),
        ("eof/timeout:1", 'Get "https://host/v2/eof/timeout/manifests/1": denied', Reason.IMAGE_REFUSED),
    ],
)
def test_names_are_told_from_errors(image: str, text: str, reason: Reason) -> None:
    assert image_failure(image, text).reason is reason
